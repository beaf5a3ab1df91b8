package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	good    = "HTTP/1.1 200 "
	largest = 64 << 10 // bytes of a head, or of one read
	shown   = 100      // bytes of a bad answer
)

var (
	lineEnd = []byte("\r\n")
	headEnd = []byte("\r\n\r\n")
)

type part int

const (
	inHead part = iota
	inLength
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
)

// response reads one answer after the other, as they come (RFC 9112).
type response struct {
	part part
	rest []byte // of a head or a line that is not whole yet
	left int    // bytes of the body, or of the chunk
}

// take reads a piece, and calls `body` with what is of the body; it says whether the answer is whole.
func (r *response) take(data []byte, body func([]byte) error) (bool, error) {
	if len(r.rest) > 0 {
		data = append(r.rest, data...)
		r.rest = nil
	}
	for {
		switch r.part {
		case inHead:
			end := bytes.Index(data, headEnd)
			if end < 0 {
				return false, r.keep(data)
			}
			if err := r.head(data[:end]); err != nil {
				return false, err
			}
			data = data[end+len(headEnd):]
		case inLength, inChunk:
			count := min(len(data), r.left)
			if count > 0 {
				if err := body(data[:count]); err != nil {
					return false, err
				}
			}
			data = data[count:]
			if r.left -= count; r.left > 0 {
				return false, nil
			}
			if r.part == inLength {
				return r.end(data)
			}
			r.part = inChunkEnd
		case inChunkSize, inChunkEnd, inTrailer:
			end := bytes.Index(data, lineEnd)
			if end < 0 {
				return false, r.keep(data)
			}
			if r.part == inTrailer && end == 0 {
				return r.end(data[len(lineEnd):])
			}
			if err := r.line(data[:end]); err != nil {
				return false, err
			}
			data = data[end+len(lineEnd):]
		}
	}
}

func (r *response) keep(data []byte) error {
	if len(data) > largest {
		return fmt.Errorf("a head or line of more than %d bytes", largest)
	}
	if !bytes.HasPrefix(data, []byte(good)[:min(len(data), len(good))]) && r.part == inHead {
		return fmt.Errorf("not a 200: %q", data[:min(len(data), shown)])
	}
	r.rest = append([]byte(nil), data...)
	return nil
}

func (r *response) end(data []byte) (bool, error) {
	if len(data) > 0 {
		return false, fmt.Errorf("%d bytes after the answer", len(data))
	}
	r.part = inHead
	return true, nil
}

// line reads one that stands between chunks.
func (r *response) line(line []byte) error {
	switch r.part {
	case inChunkSize:
		size, _, _ := strings.Cut(string(line), ";")
		count, err := strconv.ParseUint(size, 16, 31)
		if err != nil {
			return fmt.Errorf("not the size of a chunk: %q", line[:min(len(line), shown)])
		}
		r.part, r.left = inChunk, int(count)
		if count == 0 {
			r.part = inTrailer
		}
	case inChunkEnd:
		if len(line) > 0 {
			return errors.New("a chunk that is longer than it says")
		}
		r.part = inChunkSize
	}
	return nil
}

func (r *response) head(head []byte) error {
	if !bytes.HasPrefix(head, []byte(good)) {
		line, _, _ := bytes.Cut(head, lineEnd)
		return fmt.Errorf("not a 200: %q", line[:min(len(line), shown)])
	}
	for line := range bytes.SplitSeq(head, lineEnd) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, err := strconv.Atoi(string(value))
			if err != nil || length < 0 {
				return errors.New("a Content-Length that is no number")
			}
			r.part, r.left = inLength, length
			return nil
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			r.part = inChunkSize
			return nil
		}
	}
	return errors.New("neither Content-Length nor Transfer-Encoding")
}
