package capture

import (
	"errors"
	"fmt"
	"io"
)

// maxRecord bounds the bytes of a block or record: no link type's frame is longer, and a length in a file
// is not to be trusted.
const maxRecord = 16 << 20

// FileError says what is wrong with a capture file, and where. A file that ends within a record has an
// error that wraps io.ErrUnexpectedEOF.
type FileError struct {
	Offset int64 // of the first byte that is wrong or missing, in the uncompressed file
	Err    error
}

func (e *FileError) Error() string {
	if e.Err == io.ErrUnexpectedEOF {
		return fmt.Sprintf("capture: at byte %d: the file ends within a record", e.Offset)
	}
	return fmt.Sprintf("capture: at byte %d: %v", e.Offset, e.Err)
}

// Unwrap returns what is wrong.
func (e *FileError) Unwrap() error { return e.Err }

// input gives the bytes of a file in order. A mapped file is one buffer; others are read into a buffer that
// grows only as bytes arrive, so that a length in the file does not decide how much memory is used.
type input struct {
	buf   []byte
	at    int   // of the next byte in buf
	off   int64 // of buf[0] in the file
	src   io.Reader
	err   error       // of src
	eager bool        // the last read filled the buffer
	waits bool        // reading src may wait
	try   bool        // errWait rather than waiting
	ready func() bool // whether reading src gives something at once; nil where nothing can tell
	lent  bool        // buf is the caller's: what was taken out of it stays where it is
	full  bool        // a lent buffer has no room for what is next
}

// errWait means that more can only be had by waiting, or in another buffer.
var errWait = errors.New("nothing has come yet")

// The buffer of a pipe starts small, for a capture may be, and grows while the reads fill it.
const (
	smallInput = 8 << 10
	largeInput = 256 << 10
)

func (in *input) offset() int64 { return in.off + int64(in.at) }

// peek returns the next n bytes without taking them. They are valid until the next call. At the end of the
// input the error is io.EOF if nothing is left, else a FileError wrapping io.ErrUnexpectedEOF.
func (in *input) peek(n int) ([]byte, error) {
	if len(in.buf)-in.at >= n {
		return in.buf[in.at : in.at+n : in.at+n], nil
	}
	return in.more(n)
}

func (in *input) more(n int) ([]byte, error) {
	if in.src != nil && !in.read(n) {
		return nil, errWait
	}
	have := len(in.buf) - in.at
	switch {
	case have >= n:
		return in.buf[in.at : in.at+n : in.at+n], nil
	case in.err != nil && in.err != io.EOF && !errors.Is(in.err, io.ErrUnexpectedEOF):
		return nil, &FileError{Offset: in.off + int64(len(in.buf)), Err: in.err}
	case have == 0 && (in.err == nil || in.err == io.EOF):
		return nil, io.EOF
	}
	return nil, &FileError{Offset: in.off + int64(len(in.buf)), Err: io.ErrUnexpectedEOF}
}

// read reads until n bytes are there or the source ends. It takes what the source gives, so that a pipe is
// read as it is written. It reports false where it would wait and is only to try.
func (in *input) read(n int) bool {
	if in.full = false; in.at > 0 {
		switch {
		case !in.lent:
			in.into(in.buf)
		case cap(in.buf)-in.at >= n:
		case in.try:
			in.full = true
			return false
		default:
			in.into(make([]byte, 0, max(cap(in.buf), n)))
		}
	}
	for idle := 0; len(in.buf)-in.at < n && in.err == nil; {
		if in.try && in.waits && (in.ready == nil || !in.ready()) {
			return false
		}
		if len(in.buf) == cap(in.buf) || in.eager && cap(in.buf) < largeInput {
			grown := make([]byte, len(in.buf), max(2*cap(in.buf), smallInput))
			copy(grown, in.buf)
			in.buf = grown
		}
		var got int
		got, in.err = in.src.Read(in.buf[len(in.buf):cap(in.buf)])
		in.buf = in.buf[:len(in.buf)+got]
		in.eager = len(in.buf) == cap(in.buf)
		if idle++; got > 0 {
			idle = 0
		} else if idle > 100 && in.err == nil {
			in.err = io.ErrNoProgress
		}
	}
	return true
}

// into moves what was not taken so far to the front of buf, which may be the same, and reads on there.
func (in *input) into(buf []byte) {
	in.off += int64(in.at)
	in.buf, in.at = append(buf[:0], in.buf[in.at:]...), 0
}

func (in *input) skip(n int) { in.at += n }
