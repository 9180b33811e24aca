// Package info says what a capture file is: its format, where it comes from, how many packets of which times and
// lengths it holds, and what else.
package info

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"sockwire/capture"
)

// File is what a capture file holds.
type File struct {
	Format      capture.Format
	Compression capture.Compression
	Sections    []capture.Section // of pcapng, the first 1000; outside text
	Untold      int               // sections beyond those
	Interfaces  []Interface

	Counts
	MinLength, MaxLength int    // of a packet on the wire, in bytes
	Cut                  uint64 // packets of which not all was kept
	First, Last          time.Time
	// Disorder is the number of the first packet that is earlier than the one before it, 0 where none is.
	Disorder uint64
	Drops    uint64 // packets that the file says were lost
	Comments uint64 // on packets
	Names    int    // of addresses
	Secrets  int    // blocks of keys to decrypt with
	Other    int    // blocks of kinds that are not known here
}

// Counts are packets and their bytes.
type Counts struct {
	Packets  uint64
	Bytes    uint64 // on the wire
	Captured uint64
}

// Interface is an interface of the file, with its packets and the last that is said of what it received and lost.
type Interface struct {
	capture.Interface
	Counts
	Statistics *capture.Statistics // nil where the file has none
}

// Duration is the time from the earliest packet to the latest.
func (f *File) Duration() time.Duration { return f.Last.Sub(f.First) }

// PerSecond returns packets and bits a second over the duration, 0 where there is none.
func (f *File) PerSecond() (packets, bits float64) {
	d := f.Duration().Seconds()
	if d <= 0 {
		return 0, 0
	}
	return float64(f.Packets) / d, float64(f.Bytes) * 8 / d
}

// Read reads r to its end, or until ctx is done, and says what it holds. With an error it says what came before.
func Read(ctx context.Context, r *capture.Reader) (*File, error) {
	f := &File{Format: r.Format(), Compression: r.Compression()}
	err := f.read(ctx, r)
	for i, about := range r.Interfaces() {
		f.at(i).Interface = about
	}
	f.Names = len(r.Names())
	if err == io.EOF || ctx.Err() != nil {
		return f, nil
	}
	return f, err
}

func (f *File) read(ctx context.Context, r *capture.Reader) error {
	var b capture.Block
	var before time.Time
	for n := 0; ; n++ {
		if n&1023 == 0 && ctx.Err() != nil {
			return nil
		}
		if err := r.NextBlock(&b); err != nil {
			return err
		}
		switch b.Type {
		case capture.BlockSection:
			if len(f.Sections) == maxSections {
				f.Untold++
				continue
			}
			if s, ok := b.Section(); ok {
				f.Sections = append(f.Sections, s)
				if err := r.Hold(sizeOf(s)); err != nil {
					return err
				}
			}
		case capture.BlockStatistics:
			if s, ok := b.Statistics(); ok {
				f.at(s.Interface).Statistics = &s
			}
		case capture.BlockSecrets:
			f.Secrets++
		case capture.BlockInterface, capture.BlockNameResolution:
		default:
			if !b.IsPacket() {
				f.Other++
				continue
			}
			f.add(&b.Frame, before)
			if !b.Frame.Time.IsZero() {
				before = b.Frame.Time
			}
		}
	}
}

// maxSections bounds the sections that are kept.
const maxSections = 1000

func sizeOf(s capture.Section) int {
	n := 200 + len(s.Hardware) + len(s.OS) + len(s.Application)
	for _, c := range s.Comments {
		n += 16 + len(c)
	}
	return n
}

// at returns interface i, which the file may have described just now.
func (f *File) at(i int) *Interface {
	for len(f.Interfaces) <= i {
		f.Interfaces = append(f.Interfaces, Interface{})
	}
	return &f.Interfaces[i]
}

func (f *File) add(p *capture.Frame, before time.Time) {
	if f.Packets == 0 || p.Length < f.MinLength {
		f.MinLength = p.Length
	}
	f.MaxLength = max(f.MaxLength, p.Length)
	f.Counts.add(p)
	f.at(p.Interface).Counts.add(p)
	if len(p.Data) < p.Length {
		f.Cut++
	}
	f.Drops += p.Drops
	f.Comments += uint64(len(p.Comments))
	if p.Time.IsZero() {
		return
	}
	if p.Time.Before(before) && f.Disorder == 0 {
		f.Disorder = f.Packets
	}
	if f.First.IsZero() || p.Time.Before(f.First) {
		f.First = p.Time
	}
	if f.Last.IsZero() || p.Time.After(f.Last) {
		f.Last = p.Time
	}
}

func (c *Counts) add(p *capture.Frame) {
	c.Packets++
	c.Bytes += uint64(p.Length)
	c.Captured += uint64(len(p.Data))
}

// Hashes returns the length of a file as it is on the disk, packed or not, and its SHA-256 and SHA-1 in hexadecimal.
func Hashes(ctx context.Context, name string) (size int64, sum256, sum1 string, err error) {
	in, err := os.Open(name)
	if err != nil {
		return 0, "", "", fmt.Errorf("info: %w", err)
	}
	defer in.Close()
	both := []hash.Hash{sha256.New(), sha1.New()}
	buf := make([]byte, 256<<10)
	for ctx.Err() == nil {
		n, err := in.Read(buf)
		size += int64(n)
		for _, h := range both {
			h.Write(buf[:n])
		}
		if err == io.EOF {
			return size, hex.EncodeToString(both[0].Sum(nil)), hex.EncodeToString(both[1].Sum(nil)), nil
		}
		if err != nil {
			return 0, "", "", fmt.Errorf("info: %w", err)
		}
	}
	return 0, "", "", fmt.Errorf("info: %s: %w", name, context.Cause(ctx))
}
