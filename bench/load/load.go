package main

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// Plan is what to ask, and for how long.
type Plan struct {
	Path         string
	Request      []byte
	Expect       []byte
	Connections  int
	Answers      int // 0: as many as come within Warmup and Time
	Warmup, Time time.Duration
	Patience     time.Duration
}

// Load is what came of a plan. Latencies are nanoseconds, of the answers after the warm-up.
type Load struct {
	Latencies       []uint32
	Asked           int
	Warmup, Counted time.Duration
}

// run is a plan under way; times count from `began`.
type run struct {
	*Plan
	load        Load
	connections []*connection
	began       time.Time
	ready       []*connection
	events      []syscall.EpollEvent
	epoll       int
}

// Run asks until the time is over or the answers are there. The error is the first bad answer, or
// that none came in time.
func (plan *Plan) Run() (*Load, error) {
	r := &run{Plan: plan, load: Load{Latencies: make([]uint32, 0, 1<<24), Warmup: plan.Warmup}}
	if err := r.connect(); err != nil {
		return nil, err
	}
	r.began = time.Now()
	for _, c := range r.connections {
		if err := r.ask(c, time.Since(r.began)); err != nil {
			return nil, err
		}
	}
	for {
		if err := r.wait(); err != nil {
			return nil, err
		}
		for _, c := range r.ready {
			if done, err := r.take(c); err != nil || done {
				return &r.load, err
			}
		}
	}
}

func (r *run) connect() error {
	var err error
	if r.epoll, err = syscall.EpollCreate1(0); err != nil {
		return err
	}
	for range r.Connections {
		c, err := connect(r.Path, r.Patience)
		if err != nil {
			return fmt.Errorf("connect %s: %w", r.Path, err)
		}
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(len(r.connections))}
		if err := syscall.EpollCtl(r.epoll, syscall.EPOLL_CTL_ADD, c.fd, &event); err != nil {
			return err
		}
		r.connections = append(r.connections, c)
	}
	r.events = make([]syscall.EpollEvent, len(r.connections))
	r.ready = make([]*connection, 0, len(r.connections))
	return nil
}

// wait finds the connections that have something to read. A single one is not asked about: reading
// waits, too, and without a second system call.
func (r *run) wait() error {
	if len(r.connections) == 1 {
		r.ready = r.connections
		return nil
	}
	limit := wait{patience: r.Patience}
	count, err := epollWait(r.epoll, r.events, r.Patience)
	for errors.Is(err, syscall.EINTR) && limit.goesOn() {
		count, err = epollWait(r.epoll, r.events, r.Patience)
	}
	if count == 0 && (err == nil || errors.Is(err, syscall.EINTR)) {
		return limit.over()
	}
	r.ready = r.ready[:0]
	for _, event := range r.events[:count] {
		r.ready = append(r.ready, r.connections[event.Fd])
	}
	return err
}

// take reads what has come, and asks again after a whole answer; it says whether all is done.
func (r *run) take(c *connection) (bool, error) {
	if err := c.read(); err != nil {
		return false, err
	}
	whole, err := c.check(r.Expect)
	if err != nil || !whole {
		return false, err
	}
	now := time.Since(r.began)
	if now >= r.Warmup {
		r.load.Latencies = append(r.load.Latencies, uint32(min(now-c.asked, 1<<32-1)))
		r.load.Counted = now - r.Warmup
	}
	if r.Answers > 0 {
		if len(r.load.Latencies) == r.Answers {
			return true, nil
		}
		if r.load.Asked == r.Answers {
			return false, nil
		}
	} else if now >= r.Warmup+r.Time {
		return true, nil
	}
	return false, r.ask(c, now)
}

func (r *run) ask(c *connection, now time.Duration) error {
	if r.Answers > 0 && r.load.Asked == r.Answers {
		return nil
	}
	r.load.Asked++
	c.asked = now
	return c.write(r.Request)
}
