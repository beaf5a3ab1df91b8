package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	largest = 64 << 10 // bytes of an answer
	good    = "HTTP/1.1 200 "
	shown   = 100 // bytes of a bad answer
)

var (
	headEnd    = []byte("\r\n\r\n")
	lineEnd    = []byte("\r\n")
	lengthName = []byte("content-length:")
)

// connection is a blocking socket and the answer that is coming. `head` is the head of the last
// answer: one that is the same byte for byte need not be read again.
type connection struct {
	fd     int
	buffer []byte
	used   int
	head   []byte
	length int // of the body that follows `head`
	asked  time.Duration
	wait   wait
}

// wait bounds a system call that Go's scheduler interrupts every 10 ms: the kernel's own timeout
// then begins anew.
type wait struct {
	patience    time.Duration
	interrupted time.Time
}

func (w *wait) begin() { w.interrupted = time.Time{} }

// goesOn says whether to wait again after an interruption.
func (w *wait) goesOn() bool {
	if w.interrupted.IsZero() {
		w.interrupted = time.Now()
	}
	return time.Since(w.interrupted) < w.patience
}

func (w *wait) over() error { return fmt.Errorf("no answer within %v", w.patience) }

func connect(path string, patience time.Duration) (*connection, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		return nil, err
	}
	limit := syscall.NsecToTimeval(patience.Nanoseconds())
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		return nil, err
	}
	return &connection{
		fd:     fd,
		buffer: make([]byte, largest),
		head:   make([]byte, 0, largest),
		wait:   wait{patience: patience},
	}, nil
}

// write sends a request, which the socket's buffer has room for.
func (c *connection) write(request []byte) error {
	count, errno := call(syscall.SYS_WRITE, c.fd, request)
	if errno != 0 {
		return fmt.Errorf("write: %w", errno)
	}
	if count != len(request) {
		return io.ErrShortWrite
	}
	return nil
}

// read adds what has come to the buffer.
func (c *connection) read() error {
	for c.wait.begin(); ; {
		count, errno := call(syscall.SYS_READ, c.fd, c.buffer[c.used:])
		switch {
		case errno == syscall.EINTR && c.wait.goesOn():
			continue
		case errno == syscall.EINTR || errno == syscall.EAGAIN:
			return c.wait.over()
		case errno != 0:
			return fmt.Errorf("read: %w", errno)
		case count == 0:
			return fmt.Errorf("the connection ended after %d bytes of an answer: %q", c.used, c.start())
		}
		c.used += count
		return nil
	}
}

// check says whether the buffer holds a whole answer, and empties it then. The error says what is
// wrong with the answer, as soon as that can be seen.
func (c *connection) check(expect []byte) (bool, error) {
	data := c.buffer[:c.used]
	if len(c.head) == 0 || !bytes.HasPrefix(data, c.head) {
		seen := min(len(data), len(good))
		if string(data[:seen]) != good[:seen] {
			return false, fmt.Errorf("not a 200: %q", c.start())
		}
		end := bytes.Index(data, headEnd)
		if end < 0 {
			if c.used == len(c.buffer) {
				return false, fmt.Errorf("a head of more than %d bytes: %q", c.used, c.start())
			}
			return false, nil
		}
		length, err := contentLength(data[:end])
		if err != nil {
			return false, fmt.Errorf("%w: %q", err, c.start())
		}
		c.head = append(c.head[:0], data[:end+len(headEnd)]...)
		c.length = length
	}
	body := data[len(c.head):]
	switch {
	case len(c.head)+c.length > len(c.buffer):
		return false, fmt.Errorf("an answer of more than %d bytes: %q", len(c.buffer), c.start())
	case len(body) < c.length:
		return false, nil
	case len(body) > c.length:
		return false, fmt.Errorf("%d bytes after the answer: %q", len(body)-c.length, c.start())
	case !bytes.Contains(body, expect):
		return false, fmt.Errorf("a body without %q: %q", expect, c.start())
	}
	c.used = 0
	return true, nil
}

// start is what a bad answer is known by: its status line, which holds no secret.
func (c *connection) start() []byte {
	line, _, _ := bytes.Cut(c.buffer[:c.used], lineEnd)
	return line[:min(len(line), shown)]
}

func contentLength(head []byte) (int, error) {
	for line := range bytes.SplitSeq(head, lineEnd) {
		if len(line) > len(lengthName) && bytes.EqualFold(line[:len(lengthName)], lengthName) {
			length, err := strconv.Atoi(string(bytes.TrimSpace(line[len(lengthName):])))
			if err != nil || length < 0 {
				return 0, errors.New("a Content-Length that is no number")
			}
			return length, nil
		}
	}
	return 0, errors.New("no Content-Length")
}

// call reads or writes without telling Go's scheduler, which would take this thread's processor
// away while it waits, and give it back late.
func call(number uintptr, fd int, data []byte) (int, syscall.Errno) {
	pointer := unsafe.Pointer(unsafe.SliceData(data))
	count, _, errno := syscall.RawSyscall(number, uintptr(fd), uintptr(pointer), uintptr(len(data)))
	return int(count), errno
}

// epollWait is syscall.EpollWait, called as `call` does.
func epollWait(fd int, events []syscall.EpollEvent, patience time.Duration) (int, error) {
	pointer := unsafe.Pointer(unsafe.SliceData(events))
	count, _, errno := syscall.RawSyscall6(
		syscall.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(pointer), uintptr(len(events)),
		uintptr(patience.Milliseconds()), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(count), nil
}
