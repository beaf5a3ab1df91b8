package main

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"time"
)

// Streams reads so many streams at once, each of `Events` events, `Rate` a second.
type Streams struct {
	Streams, Events, Size int
	Rate                  float64
	Ramp                  time.Duration
}

// StreamsFound is what came of it: `Events` events in all, each once and in its order. The lateness
// is that of the `Counted` events that were sent after the last stream had begun; `First` is the time
// from a request to its first event.
type StreamsFound struct {
	Streams  int     `json:"streams"`
	Events   int     `json:"events"`
	Counted  int     `json:"counted"`
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"rate"`
	Lateness Times   `json:"lateness"`
	First    Times   `json:"first"`
	Processor
}

func (s *Streams) flags(flags *flag.FlagSet) {
	flags.IntVar(&s.Streams, "streams", 500, "how many at once")
	flags.IntVar(&s.Events, "events", 500, "of each stream")
	flags.Float64Var(&s.Rate, "rate", 50, "events a second of each stream; 0: as fast as they come")
	flags.IntVar(&s.Size, "size", 8, "bytes of text in an event")
	flags.DurationVar(&s.Ramp, "ramp", time.Second, "within which the streams begin")
}

func (s *Streams) body() string {
	return fmt.Sprintf(`{"model":"bench","messages":[],"stream":true,"events":%d,"rate":%g,"size":%d}`,
		s.Events, s.Rate, s.Size)
}

// stream is one that is under way.
type stream struct {
	response
	events
	asked int64
	over  bool
}

func (s *Streams) run(address string, request []byte, patience time.Duration) (any, error) {
	poll, err := newPoll(address, s.Streams, patience)
	if err != nil {
		return nil, err
	}
	var (
		lateness = make([]uint32, 0, s.Streams*s.Events)
		first    = make([]uint32, 0, s.Streams)
		streams  = make([]stream, s.Streams)
		starts   = s.starts()
		began    = monotonic()
		left     = s.Streams
		started  = 0
		total    = 0
		now      = began
		lastAsk  = int64(math.MaxInt64)
	)
	for left > 0 {
		wait := patience
		for started < s.Streams {
			if wait = time.Duration(began + starts[started] - monotonic()); wait > 0 {
				break
			}
			streams[started].asked = monotonic()
			if err := poll.write(started, request); err != nil {
				return nil, err
			}
			if started++; started == s.Streams {
				lastAsk, wait = monotonic(), patience
			}
		}
		ready, err := poll.wait(wait)
		if err != nil && (started == s.Streams || err != errSilence) {
			return nil, fmt.Errorf("%w, with %d streams under way", err, left)
		}
		for _, index := range ready {
			stream := &streams[index]
			data, err := poll.read(index)
			if err != nil {
				return nil, fmt.Errorf("stream %d after %d events: %w", index, stream.next, err)
			}
			now = monotonic()
			whole, err := stream.response.take(data, func(body []byte) error {
				return stream.events.take(body, func(sent int64) {
					if stream.next == 1 {
						first = append(first, nanoseconds(now-stream.asked))
					}
					if total++; sent > lastAsk {
						lateness = append(lateness, nanoseconds(now-sent))
					}
				})
			})
			if err == nil && whole && !stream.over {
				err = stream.events.complete(s.Events)
				stream.over = true
				left--
			}
			if err != nil {
				return nil, fmt.Errorf("stream %d: %w", index, err)
			}
		}
	}
	seconds := float64(now-began) / 1e9
	return StreamsFound{
		Streams:   s.Streams,
		Events:    total,
		Counted:   len(lateness),
		Seconds:   seconds,
		Rate:      float64(total) / seconds,
		Lateness:  distribution(lateness),
		First:     distribution(first),
		Processor: processor(began),
	}, nil
}

// starts says when the streams begin, in nanoseconds: spread over the ramp, and over the time between
// two events, so that the streams don't send in step.
func (s *Streams) starts() []int64 {
	starts := make([]int64, s.Streams)
	for index := range starts {
		_, phase := math.Modf(float64(index) * math.Phi)
		if s.Rate > 0 {
			phase *= 1e9 / s.Rate
		}
		starts[index] = s.Ramp.Nanoseconds()*int64(index)/int64(s.Streams) + int64(phase)
	}
	slices.Sort(starts)
	return starts
}
