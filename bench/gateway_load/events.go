package main

import (
	"bytes"
	"errors"
	"fmt"
)

var (
	prefix   = []byte("data: ")
	done     = []byte("data: [DONE]")
	blank    = []byte("\n\n")
	sequence = []byte(`"sequence":`)
	sentAt   = []byte(`,"sent":`)
)

// events are those of one stream, as they come. `next` is the number that the next one has to have.
type events struct {
	rest []byte
	next int
	done bool
}

// take reads the events in a piece of the body; `got` is called with the time at which each was sent.
func (e *events) take(data []byte, got func(sent int64)) error {
	if len(e.rest) > 0 {
		e.rest = append(e.rest, data...)
		data = e.rest
	}
	for {
		end := bytes.Index(data, blank)
		if end < 0 {
			e.rest = append(e.rest[:0], data...)
			return nil
		}
		if err := e.one(data[:end], got); err != nil {
			return err
		}
		data = data[end+len(blank):]
	}
}

func (e *events) one(event []byte, got func(sent int64)) error {
	switch {
	case e.done:
		return errors.New("an event after the last one")
	case bytes.Equal(event, done):
		e.done = true
		return nil
	case !bytes.HasPrefix(event, prefix):
		return fmt.Errorf("not an event: %q", event[:min(len(event), shown)])
	}
	at := bytes.LastIndex(event, sequence)
	if at < 0 {
		return nil // usage
	}
	number, rest := integer(event[at+len(sequence):])
	if number != int64(e.next) || !bytes.HasPrefix(rest, sentAt) {
		return fmt.Errorf("event %d where %d is due", number, e.next)
	}
	sent, _ := integer(rest[len(sentAt):])
	e.next++
	got(sent)
	return nil
}

// complete says what is missing of a stream that has ended.
func (e *events) complete(count int) error {
	if e.next != count || !e.done || len(e.rest) > 0 {
		return fmt.Errorf("it ended after %d of %d events", e.next, count)
	}
	return nil
}

func integer(text []byte) (int64, []byte) {
	value := int64(0)
	for index, digit := range text {
		if digit < '0' || digit > '9' {
			return value, text[index:]
		}
		value = value*10 + int64(digit-'0')
	}
	return value, nil
}
