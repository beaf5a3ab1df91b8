package main

import (
	"bytes"
	"flag"
	"fmt"
	"time"
)

var expected = []byte(`"usage":`)

// Requests keeps one request under way on each connection.
type Requests struct {
	Connections  int
	Warmup, Time time.Duration
}

// RequestsFound is what came of it: `Answers` within `Seconds`, after the warm-up, of `Asked` in all.
type RequestsFound struct {
	Connections int     `json:"connections"`
	Asked       int     `json:"asked"`
	Answers     int     `json:"answers"`
	Seconds     float64 `json:"seconds"`
	Rate        float64 `json:"rate"`
	Latency     Times   `json:"latency"`
	Processor
}

func (r *Requests) flags(flags *flag.FlagSet) {
	flags.IntVar(&r.Connections, "connections", 1, "how many ask at a time")
	flags.DurationVar(&r.Warmup, "warmup", 200*time.Millisecond, "not counted")
	flags.DurationVar(&r.Time, "time", time.Second, "counted")
}

func (r *Requests) body() string {
	return `{"model":"bench","messages":[{"role":"user","content":"does this key work?"}]}`
}

func (r *Requests) run(address string, request []byte, patience time.Duration) (any, error) {
	poll, err := newPoll(address, r.Connections, patience)
	if err != nil {
		return nil, err
	}
	latencies := make([]uint32, 0, 1<<24)
	asked := make([]int64, r.Connections)
	answers := make([]response, r.Connections)
	bodies := make([][]byte, r.Connections)
	began := monotonic()
	counted, over := began+r.Warmup.Nanoseconds(), began+(r.Warmup+r.Time).Nanoseconds()
	for index := range r.Connections {
		asked[index] = monotonic()
		if err := poll.write(index, request); err != nil {
			return nil, err
		}
	}
	all := r.Connections
	now := began
	for now < over {
		ready, err := poll.wait(patience)
		if err != nil {
			return nil, err
		}
		for _, index := range ready {
			data, err := poll.read(index)
			if err != nil {
				return nil, err
			}
			now = monotonic()
			whole, err := answers[index].take(data, func(body []byte) error {
				bodies[index] = append(bodies[index], body...)
				return nil
			})
			switch {
			case err != nil:
				return nil, err
			case !whole:
				continue
			case !bytes.Contains(bodies[index], expected):
				return nil, fmt.Errorf("a body without %q", expected)
			}
			if now >= counted {
				latencies = append(latencies, nanoseconds(now-asked[index]))
			}
			bodies[index], asked[index] = bodies[index][:0], now
			all++
			if err := poll.write(index, request); err != nil {
				return nil, err
			}
		}
	}
	seconds := float64(now-counted) / 1e9
	return RequestsFound{
		Connections: r.Connections,
		Asked:       all,
		Answers:     len(latencies),
		Seconds:     seconds,
		Rate:        float64(len(latencies)) / seconds,
		Latency:     distribution(latencies),
		Processor:   processor(began),
	}, nil
}
