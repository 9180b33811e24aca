package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"sockwire/capture/flow"
	"sockwire/capture/flow/message"
	"sockwire/cmd/internal/cli"
)

// extractor writes the bodies of HTTP messages to files, and says which.
type extractor struct {
	o      *options
	parser message.Parser
	files  *message.Extractor
	sealed int // streams of TLS that are not opened, of which maxSealed are told
	warn   func(format string, args ...any)
}

const maxSealed = 8

// newExtractor makes the folder where there is none.
func newExtractor(env *cli.Env, o *options) (*extractor, error) {
	if err := os.Mkdir(o.extract, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fileError(err)
	}
	files, err := message.NewExtractor(o.extract, &message.ExtractConfig{TotalBytes: o.extractLimit, FileBytes: o.extractLimit})
	return &extractor{o: o, parser: message.Parser{Bodies: true}, files: files, warn: env.Warnf}, fileError(err)
}

// add takes what a packet brought, and adds what is said of files that are complete.
func (x *extractor) add(b []byte, r *flow.Result) ([]byte, error) {
	var err error
	x.o.secrets(&x.parser)
	for i := range r.Chunks {
		if b, err = x.messages(b, x.parser.Add(&r.Chunks[i])); err != nil {
			return b, err
		}
	}
	for _, s := range r.Ended {
		if b, err = x.messages(b, x.parser.End(s)); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (x *extractor) messages(b []byte, list []message.Message) ([]byte, error) {
	for i := range list {
		if why := list[i].Why; why != "" && x.sealed < maxSealed {
			x.sealed++
			x.warn("stream %d: not decrypted: %s", list[i].Stream.Number(), why)
		}
		f, err := x.files.Add(&list[i])
		if err != nil {
			return b, err
		}
		if f != nil {
			b = x.tell(b, f)
		}
	}
	return b, nil
}

// finish closes the files that are still written, at the end of the capture.
func (x *extractor) finish(b []byte) ([]byte, error) {
	files, err := x.files.Close()
	for i := range files {
		b = x.tell(b, files[i])
	}
	return b, err
}

// bodyRecord is a record of --extract --json.
type bodyRecord struct {
	Type        string `json:"type"`
	File        string `json:"file"`
	Bytes       int64  `json:"bytes"`
	Stream      uint64 `json:"stream"`
	From        string `json:"from"`
	Message     uint64 `json:"message"`
	First       uint64 `json:"first_packet"`
	Last        uint64 `json:"last_packet"`
	URL         string `json:"url,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Encoding    string `json:"encoding,omitempty"`
	Complete    bool   `json:"complete"`
	Why         string `json:"why,omitempty"`
}

// tell adds what is said of a file.
func (x *extractor) tell(b []byte, f *message.File) []byte {
	name := filepath.Join(x.o.extract, f.Name)
	if x.o.json {
		record, _ := json.Marshal(bodyRecord{"body", name, f.Bytes, f.Stream, sideName(f.Direction), f.Message, f.First, f.Last, f.URL, f.ContentType,
			f.Encoding, f.Complete, f.Why})
		return append(append(b, record...), '\n')
	}
	b = cli.AppendEscaped(b, name)
	b = append(append(b, ": "...), cli.Plural(uint64(f.Bytes), "byte")...)
	if f.ContentType != "" {
		b = cli.AppendEscaped(append(b, ", "...), f.ContentType)
	}
	if f.Encoding != "" {
		b = cli.AppendEscaped(append(b, ", encoded as "...), f.Encoding)
	}
	if f.URL != "" {
		b = cli.AppendEscaped(append(b, ", of "...), f.URL)
	}
	b = strconv.AppendUint(append(b, ", #"...), f.First, 10)
	if f.Last != f.First {
		b = strconv.AppendUint(append(b, " to #"...), f.Last, 10)
	}
	if !f.Complete {
		b = cli.AppendEscaped(append(b, ", not whole: "...), f.Why)
	}
	return append(b, '\n')
}

// end says how much was written.
func (x *extractor) end(env *cli.Env) {
	n := x.files.Counts()
	if !x.o.quiet && !x.o.json {
		text := fmt.Sprintf("%s of %s written to %s", cli.Plural(uint64(n.Files), "file"), size(uint64(n.Bytes)), cli.Escape(x.o.extract))
		if n.Partial > 0 {
			text += fmt.Sprintf(", %d of them not whole", n.Partial)
		}
		env.Warnf("%s", text)
	}
	if n.Passed > 0 {
		env.Warnf("bodies that are not written: %d; --extract-limit is %s", n.Passed, size(uint64(x.o.extractLimit)))
	}
}
