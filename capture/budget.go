package capture

import (
	"errors"
	"fmt"
	"unsafe"
)

// ErrMemory means that a file would make its Reader keep more than ReaderConfig.Memory.
var ErrMemory = errors.New("the file would take more memory than it is allowed")

// budget counts the bytes that a file makes its Reader keep.
type budget struct{ limit, used int64 }

// take counts n bytes more. It reports false where they are too many.
func (b *budget) take(n int) bool {
	if int64(n) > b.limit-b.used {
		return false
	}
	b.used += int64(n)
	return true
}

// What the Reader keeps for each thing beside its text.
const (
	costName      = int(unsafe.Sizeof(NameRecord{}))
	costSecrets   = int(unsafe.Sizeof(Secrets{}))
	costString    = int(unsafe.Sizeof(""))
	costInterface = int(unsafe.Sizeof(Interface{}) + unsafe.Sizeof(readerInterface{}))
	costFrame     = int(unsafe.Sizeof(Frame{}))
)

// charge counts n bytes that what, at offset, makes the Reader keep.
func (r *Reader) charge(offset int64, n int, what string) error {
	if r.memory.take(n) {
		return nil
	}
	return r.tooMuch(offset, what, r.memory.limit)
}

func (r *Reader) tooMuch(offset int64, what string, limit int64) error {
	return &FileError{Offset: offset, Err: fmt.Errorf("%s beyond the limit of %d bytes: %w", what, limit, ErrMemory)}
}

// commentShare is the part of the memory that the comments of one block may take: each goroutine that works on frames
// may hold some.
const commentShare = 8

// comment adds an option to the comments of a block at offset, of which left bytes may come.
func (r *Reader) comment(offset int64, list []string, v []byte, left *int64) ([]string, error) {
	if *left -= int64(costString + len(v)); *left < 0 {
		return nil, r.tooMuch(offset, "comments in one block", r.memory.limit/commentShare)
	}
	return append(list, text(v)), nil
}

// cost is what the comments of f take.
func cost(comments []string) int {
	n := 0
	for _, c := range comments {
		n += costString + len(c)
	}
	return n
}

// Keep returns a copy of f that stays valid, and holds what it takes. Use it for frames of a file that somebody else
// made; Frame.Clone does not count. The list that the frames go to is counted too.
func (r *Reader) Keep(f *Frame) (Frame, error) {
	if err := r.Hold(2*costFrame + len(f.Data) + cost(f.Comments)); err != nil {
		return Frame{}, err
	}
	return f.Clone(), nil
}

// Hold counts n bytes that the caller is about to keep of what the file holds. When all of them would be more than
// ReaderConfig.Held allows, the error wraps ErrMemory.
func (r *Reader) Hold(n int) error {
	if r.held.take(n) {
		return nil
	}
	return r.tooMuch(r.in.offset(), "packets kept", r.held.limit)
}
