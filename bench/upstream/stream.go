package main

import (
	"bytes"
	"net/http"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	head = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,` +
		`"model":"bench","choices":[{"index":0,"delta":{"content":"`
	tail = `"},"logprobs":null,"finish_reason":null}],"sequence":`
	end  = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,` +
		`"model":"bench","choices":[],"usage":{"prompt_tokens":4,"completion_tokens":`
)

// Plan is what a request asks for: a stream of so many events, `Rate` a second (0: at once), with
// texts of `Size` bytes.
type Plan struct {
	Stream bool    `json:"stream"`
	Events int     `json:"events"`
	Rate   float64 `json:"rate"`
	Size   int     `json:"size"`
}

// send streams the events. Each carries its number and the time at which it was written, which is
// what a reader measures its lateness from: that this program may be late changes nothing.
func (plan *Plan) send(writer http.ResponseWriter, request *http.Request) {
	writer.Header()["Content-Type"] = []string{"text/event-stream"}
	controller := http.NewResponseController(writer)
	text := bytes.Repeat([]byte("x"), max(plan.Size, 1))
	event := make([]byte, 0, len(head)+len(text)+len(tail)+64)
	began := time.Now()
	for number := range plan.Events {
		if plan.Rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(number) / plan.Rate * 1e9))))
		}
		event = append(append(append(event[:0], head...), text...), tail...)
		event = append(strconv.AppendInt(event, int64(number), 10), `,"sent":`...)
		event = append(strconv.AppendInt(event, monotonic(), 10), "}\n\n"...)
		if _, err := writer.Write(event); err != nil {
			return
		}
		if controller.Flush() != nil || request.Context().Err() != nil {
			return
		}
	}
	event = strconv.AppendInt(append(event[:0], end...), int64(plan.Events), 10)
	event = append(strconv.AppendInt(append(event, `,"total_tokens":`...), int64(plan.Events+4), 10), "}}\n\n"...)
	writer.Write(append(event, "data: [DONE]\n\n"...))
}

// monotonic returns CLOCK_MONOTONIC in nanoseconds, which is the same in every process.
func monotonic() int64 {
	var time syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&time)), 0)
	return time.Nano()
}
