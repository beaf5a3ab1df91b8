// Command freshkey-bench-gateway-load measures a gateway, or freshkey-bench-upstream alone.
//
//	freshkey-bench-gateway-load requests -address ADDRESS [-connections 64] [-time 1s] …
//	freshkey-bench-gateway-load streams -address ADDRESS [-streams 500] [-rate 50] [-events 500] …
//
// ADDRESS is HOST:PORT or the path of a Unix socket. What was found is printed as JSON. The first
// answer that is not good, an event that is missing or out of order, or a silence longer than
// -patience ends it with status 1 and one line.
//
// It has to be faster than what it measures: one thread, epoll, and system calls without Go's
// scheduler in between.
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

const (
	path   = "/v1/chat/completions"
	memory = 1 << 30 // bytes: before that, nothing is collected
)

// Times are of a distribution, in microseconds.
type Times struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

type work interface {
	flags(*flag.FlagSet)
	body() string
	run(address string, request []byte, patience time.Duration) (any, error)
}

func main() {
	kinds := map[string]work{"requests": &Requests{}, "streams": &Streams{}}
	if len(os.Args) < 2 || kinds[os.Args[1]] == nil {
		fail("say what to measure: requests, or streams")
	}
	kind := kinds[os.Args[1]]
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	address := flags.String("address", "", "HOST:PORT, or the path of a Unix socket")
	token := flags.String("token", "bench", "what is sent as the API key")
	patience := flags.Duration("patience", 10*time.Second, "the longest silence")
	kind.flags(flags)
	flags.Parse(os.Args[2:])
	body := kind.body()
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, *token, len(body), body)

	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memory)
	found, err := kind.run(*address, request, *patience)
	if err != nil {
		fail(err.Error())
	}
	json.NewEncoder(os.Stdout).Encode(found)
}

func fail(line string) {
	fmt.Fprintf(os.Stderr, "gateway-load: %s\n", line)
	os.Exit(1)
}

// distribution sorts nanoseconds.
func distribution(times []uint32) Times {
	if len(times) == 0 {
		return Times{}
	}
	slices.Sort(times)
	at := func(share float64) float64 {
		return float64(times[min(int(float64(len(times))*share), len(times)-1)]) / 1e3
	}
	return Times{P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: at(1)}
}

// Processor is what this program had of one, as shares of the time that it ran: for `Waited` it was
// ready to run, and something else had the processor.
type Processor struct {
	Busy   float64 `json:"busy"`
	Waited float64 `json:"waited"`
}

// processor is that of the time since `began`.
func processor(began int64) Processor {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	var ran, waited int64 // proc_pid_schedstat(5), in nanoseconds; zeros where the kernel has none
	content, _ := os.ReadFile("/proc/thread-self/schedstat")
	fmt.Sscan(string(content), &ran, &waited)
	elapsed := float64(monotonic() - began)
	busy := float64(usage.Utime.Nano() + usage.Stime.Nano())
	return Processor{Busy: busy / elapsed, Waited: float64(waited) / elapsed}
}

// nanoseconds of a duration, as much of it as fits.
func nanoseconds(duration int64) uint32 { return uint32(min(max(duration, 0), 1<<32-1)) }
