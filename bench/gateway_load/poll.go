package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

var errSilence = errors.New("silence")

// poll holds the connections, and finds those that have something to read.
type poll struct {
	epoll  int
	fds    []int
	events []syscall.EpollEvent
	ready  []int
	buffer []byte
}

func newPoll(address string, connections int, patience time.Duration) (*poll, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	p := &poll{
		epoll:  epoll,
		events: make([]syscall.EpollEvent, connections),
		ready:  make([]int, 0, connections),
		buffer: make([]byte, largest),
	}
	for index := range connections {
		fd, err := connect(address, patience)
		if err != nil {
			return nil, fmt.Errorf("connect %s: %w", address, err)
		}
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(index)}
		if err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
			return nil, err
		}
		p.fds = append(p.fds, fd)
	}
	return p, nil
}

// connect returns a blocking socket.
func connect(address string, patience time.Duration) (int, error) {
	family, peer := syscall.AF_UNIX, syscall.Sockaddr(&syscall.SockaddrUnix{Name: address})
	if !strings.HasPrefix(address, "/") {
		found, err := net.ResolveTCPAddr("tcp4", address)
		if err != nil {
			return 0, err
		}
		family, peer = syscall.AF_INET, &syscall.SockaddrInet4{Port: found.Port, Addr: [4]byte(found.IP.To4())}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if family == syscall.AF_INET {
		if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
			return 0, err
		}
	}
	limit := syscall.NsecToTimeval(patience.Nanoseconds())
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		return 0, err
	}
	return fd, syscall.Connect(fd, peer)
}

// wait returns the connections that have something to read: errSilence when none has in time.
func (p *poll) wait(patience time.Duration) ([]int, error) {
	over := monotonic() + patience.Nanoseconds()
	for {
		// Rounded up: a wait for less than a millisecond would be none.
		left := (over - monotonic() + 999_999) / 1_000_000
		count, errno := p.poll(max(left, 0))
		switch {
		case errno != 0 && errno != syscall.EINTR:
			return nil, errno
		case count > 0:
			p.ready = p.ready[:0]
			for _, event := range p.events[:count] {
				p.ready = append(p.ready, int(event.Fd))
			}
			return p.ready, nil
		case left <= 0:
			return nil, errSilence
		}
	}
}

// poll is syscall.EpollWait, as `call` does it. Go's scheduler interrupts it every 10 ms.
func (p *poll) poll(milliseconds int64) (int, syscall.Errno) {
	count, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.epoll),
		uintptr(unsafe.Pointer(unsafe.SliceData(p.events))), uintptr(len(p.events)), uintptr(milliseconds), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(count), 0
}

// read returns what has come, until the next read.
func (p *poll) read(index int) ([]byte, error) {
	for {
		count, errno := call(syscall.SYS_READ, p.fds[index], p.buffer)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			return nil, fmt.Errorf("read: %w", errno)
		case count == 0:
			return nil, errors.New("the connection ended in the middle of an answer")
		}
		return p.buffer[:count], nil
	}
}

// write sends a request, which the socket's buffer has room for.
func (p *poll) write(index int, request []byte) error {
	count, errno := call(syscall.SYS_WRITE, p.fds[index], request)
	if errno != 0 {
		return fmt.Errorf("write: %w", errno)
	}
	if count != len(request) {
		return io.ErrShortWrite
	}
	return nil
}

// call reads or writes without telling Go's scheduler, which would take this thread's processor away
// while it waits, and give it back late.
func call(number uintptr, fd int, data []byte) (int, syscall.Errno) {
	pointer := unsafe.Pointer(unsafe.SliceData(data))
	count, _, errno := syscall.RawSyscall(number, uintptr(fd), uintptr(pointer), uintptr(len(data)))
	return int(count), errno
}

// monotonic returns CLOCK_MONOTONIC in nanoseconds, which is the same in every process.
func monotonic() int64 {
	var time syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&time)), 0)
	return time.Nano()
}
