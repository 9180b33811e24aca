package table

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"sockwire/capture"
	"sockwire/capture/owner"
)

// Rotator writes packets to a row of files. Each is complete when the next is begun, and has its name from then on; the
// names are those of capture.Rotator. Packets are numbered through all files. It is not for use by several goroutines
// at once.
type Rotator struct {
	config   Config
	rotation capture.Rotation
	names    *capture.Names
	w        *PacketsWriter
	begun    time.Time
	frames   int64
	number   uint64
	kept     []string
	owners   []owner.Owner // of the packet to come
}

// NewRotator returns a Rotator, whose first file is begun at once. Rotation.Size is of what is written of a file, to
// which at most a row group comes; Rotation.Every and Rotation.Count are looked at with each packet.
func NewRotator(name string, cfg *Config, rotation capture.Rotation) (*Rotator, error) {
	r := &Rotator{rotation: rotation, names: capture.NewNames(name, rotation)}
	if cfg != nil {
		r.config = *cfg
	}
	if r.config.Run == "" {
		r.config.Run = NewRun()
	}
	return r, r.begin()
}

func (r *Rotator) begin() error {
	for {
		name := r.names.Next()
		w, err := createPackets(name, false, &r.config)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.names.Taken()
		r.w, r.begun, r.frames = w, time.Now(), 0
		r.kept = append(r.kept, name)
		return nil
	}
}

// WriteNumbered is that of a PacketsWriter.
func (r *Rotator) WriteNumbered(f *capture.Frame, number uint64, stream int64) error {
	limit := &r.rotation
	if r.frames > 0 && (limit.Count > 0 && r.frames >= limit.Count || limit.Size > 0 && r.w.Size() >= limit.Size ||
		limit.Every > 0 && time.Since(r.begun) >= limit.Every) {
		if err := r.next(); err != nil {
			return err
		}
	}
	r.frames++
	r.number = number
	r.w.Own(r.owners)
	r.owners = r.owners[:0]
	return r.w.WriteNumbered(f, number, stream)
}

// Own is that of a PacketsWriter.
func (r *Rotator) Own(owners []owner.Owner) { r.owners = append(r.owners[:0], owners...) }

// Write adds a packet, numbered after the one before.
func (r *Rotator) Write(f *capture.Frame) error { return r.WriteNumbered(f, r.number+1, -1) }

func (r *Rotator) next() error {
	if err := r.w.Close(); err != nil {
		return err
	}
	for r.rotation.Keep > 0 && len(r.kept) >= r.rotation.Keep {
		if err := os.Remove(r.kept[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("table: %w", err)
		}
		r.kept = r.kept[1:]
	}
	return r.begin()
}

// Close completes the last file.
func (r *Rotator) Close() error { return r.w.Close() }
