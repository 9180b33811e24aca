package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"sockwire/cmd/internal/cli"
)

// payloads cuts an input into datagrams.
type payloads struct {
	line   bool
	record int
	limit  int // bytes that one datagram can carry
}

// tooLarge refuses input that no datagram can carry. n is 0 when it is not known how much more there is.
func (p payloads) tooLarge(what string) error {
	return cli.WithHint(fmt.Errorf("%s is larger than one datagram can carry: the limit is %d bytes", what, p.limit),
		"--line or --record make several datagrams of it")
}

// from yields them one after another; a payload is valid until the next step. An error is the last thing yielded.
func (p payloads) from(r io.Reader) iter.Seq2[[]byte, error] {
	switch {
	case p.line:
		return p.lines(r)
	case p.record > 0:
		return p.records(r)
	default:
		return p.whole(r)
	}
}

func (p payloads) whole(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b, err := io.ReadAll(io.LimitReader(r, int64(p.limit)+1))
		if err == nil && len(b) > p.limit {
			err = p.tooLarge("the input")
		}
		yield(b, err)
	}
}

func (p payloads) lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		in := bufio.NewReaderSize(r, p.limit+2)
		for n := 1; ; n++ {
			b, err := in.ReadSlice('\n')
			b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
			switch {
			case errors.Is(err, bufio.ErrBufferFull), len(b) > p.limit:
				yield(nil, p.tooLarge(fmt.Sprintf("line %d", n)))
				return
			case err == io.EOF && len(b) == 0:
				return
			case err != nil && err != io.EOF:
				yield(nil, err)
				return
			}
			if !yield(b, nil) || err == io.EOF {
				return
			}
		}
	}
}

func (p payloads) records(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if p.record > p.limit {
			yield(nil, p.tooLarge("a record"))
			return
		}
		b := make([]byte, p.record)
		for {
			n, err := io.ReadFull(r, b)
			switch {
			case err == io.EOF:
				return
			case err != nil && err != io.ErrUnexpectedEOF:
				yield(nil, err)
				return
			}
			if !yield(b[:n], nil) || err != nil {
				return
			}
		}
	}
}
