// Command freshkey-bench-load keeps one request under way on each of its connections to a Unix
// socket, and prints as JSON how many answers came and how long they took.
//
// It has to be faster than what it measures: system calls without Go's scheduler in between, memory
// that is there before, and a look at each answer that is just enough to know that it is good. The
// first answer that is not ends it, with status 1 and one line.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"
)

// Summary is what is printed: `answers` came within `seconds`, after the warm-up, and took so many
// microseconds; `asked` counts the warm-up too; `busy` is the share of the time that this process
// itself had a processor.
type Summary struct {
	Connections int     `json:"connections"`
	Answers     int     `json:"answers"`
	Asked       int     `json:"asked"`
	Seconds     float64 `json:"seconds"`
	Rate        float64 `json:"rate"`
	P50         float64 `json:"p50"`
	P99         float64 `json:"p99"`
	Max         float64 `json:"max"`
	Busy        float64 `json:"busy"`
}

func main() {
	var plan Plan
	flag.StringVar(&plan.Path, "socket", "", "the Unix socket")
	target := flag.String("target", "/", "what to ask for")
	expect := flag.String("expect", "", "what the body of a good answer holds")
	flag.IntVar(&plan.Connections, "connections", 1, "how many ask at a time")
	flag.IntVar(&plan.Answers, "answers", 0, "stop after so many, instead of after -seconds")
	flag.DurationVar(&plan.Warmup, "warmup", 0, "not counted")
	flag.DurationVar(&plan.Time, "time", time.Second, "counted")
	flag.DurationVar(&plan.Patience, "patience", 5*time.Second, "the longest wait for an answer")
	flag.Parse()
	plan.Request = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n", *target)
	plan.Expect = []byte(*expect)
	if plan.Answers > 0 {
		plan.Warmup = 0 // so many in all
	}

	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	before := processorTime()
	load, err := plan.Run()
	if err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
	busy := (processorTime() - before).Seconds() / (load.Warmup + load.Counted).Seconds()
	json.NewEncoder(os.Stdout).Encode(summarize(plan.Connections, load, busy))
}

func summarize(connections int, load *Load, busy float64) Summary {
	slices.Sort(load.Latencies)
	count := len(load.Latencies)
	at := func(percent int) float64 {
		return float64(load.Latencies[min(count*percent/100, count-1)]) / 1e3
	}
	seconds := load.Counted.Seconds()
	return Summary{
		Connections: connections,
		Answers:     count,
		Asked:       load.Asked,
		Seconds:     seconds,
		Rate:        float64(count) / seconds,
		P50:         at(50),
		P99:         at(99),
		Max:         at(100),
		Busy:        busy,
	}
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
