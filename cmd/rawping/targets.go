package main

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"math/big"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/host"
)

// shard is a part of a sweep: every of-th address, the index-th first.
type shard struct{ index, of uint64 }

func parseShard(s string) (shard, error) {
	if s == "" {
		return shard{0, 1}, nil
	}
	i, n, ok := strings.Cut(s, "/")
	index, err1 := strconv.ParseUint(i, 10, 32)
	of, err2 := strconv.ParseUint(n, 10, 32)
	if !ok || err1 != nil || err2 != nil || index < 1 || index > of {
		return shard{}, cli.Usagef("--shard %q is not I/N with I from 1 to N, such as 2/8", s)
	}
	return shard{index - 1, of}, nil
}

// addressRange is first and the count-1 addresses after it.
type addressRange struct {
	first netip.Addr
	count uint64
}

const mostAddresses = 1 << 40 // of one range: a sweep of more would take months at any rate

// parseRange reads a prefix, a range with a dash, or one address. Of an IPv4 prefix shorter than /31 the network and
// broadcast addresses are left out.
func parseRange(s string) (addressRange, error) {
	if prefix, err := netip.ParsePrefix(s); err == nil {
		prefix = prefix.Masked()
		size := prefix.Addr().BitLen() - prefix.Bits()
		if size > 40 {
			return addressRange{}, cli.Usagef("--generate %s has 2^%d addresses; at most 2^40 are swept", s, size)
		}
		r := addressRange{prefix.Addr(), 1 << size}
		if r.first.Is4() && size >= 2 {
			r.first, r.count = r.first.Next(), r.count-2
		}
		return r, nil
	}
	from, to, dash := strings.Cut(s, "-")
	first, err := netip.ParseAddr(from)
	if err != nil {
		return addressRange{}, cli.Usagef("--generate %q is not a prefix, a range FIRST-LAST or an address", s)
	}
	if !dash {
		return addressRange{first, 1}, nil
	}
	last, err := netip.ParseAddr(to)
	if err != nil || last.Is4() != first.Is4() || last.Less(first) || last.Zone() != "" {
		return addressRange{}, cli.Usagef("--generate %q: %q does not come after %q", s, to, from)
	}
	count := new(big.Int).Sub(new(big.Int).SetBytes(last.AsSlice()), new(big.Int).SetBytes(first.AsSlice()))
	count.Add(count, big.NewInt(1))
	if count.Cmp(big.NewInt(mostAddresses)) > 0 {
		return addressRange{}, cli.Usagef("--generate %s has %v addresses; at most 2^40 are swept", s, count)
	}
	return addressRange{first, count.Uint64()}, nil
}

// at returns the address at a position of the range.
func (r addressRange) at(i uint64) netip.Addr {
	if r.first.Is4() {
		b := r.first.As4()
		n := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
		n += i
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	b := r.first.As16()
	for k := 15; k >= 0 && i > 0; k-- {
		i += uint64(b[k])
		b[k] = byte(i)
		i >>= 8
	}
	return netip.AddrFrom16(b).WithZone(r.first.Zone())
}

// shuffled yields the shard's part of the range in an order that looks random and needs no table: a Feistel network
// permutes the positions, and those beyond the range are walked through until one is inside.
func (r addressRange) shuffled(s shard, seed uint64) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		half := (bits.Len64(r.count-1) + 1) / 2
		mask := uint64(1)<<half - 1
		permute := func(v uint64) uint64 {
			for {
				left, right := v>>half, v&mask
				for round := range uint64(4) {
					left, right = right, left^(mix(right+seed+round<<56)&mask)
				}
				if v = left<<half | right; v < r.count {
					return v
				}
			}
		}
		for i := s.index; i < r.count; i += s.of {
			if !yield(r.at(permute(i))) {
				return
			}
		}
	}
}

// mix is the finalizer of SplitMix64: each bit of the result depends on each of v.
func mix(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// hosts are the targets of a run by index, with the names they were given by.
type hosts struct {
	ctx    context.Context
	open   func(ctx context.Context, name string) (*cli.Input, error) // a file
	finder host.Finder
	fixed  netip.Addr // the only target, already looked up
	warn   func(format string, a ...any)

	mu     sync.Mutex
	names  map[int]string // those given by name
	next   int
	failed int   // names without an address
	err    error // a file that could not be read
}

// name returns what to call a target.
func (h *hosts) name(index int, addr netip.Addr) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name, ok := h.names[index]; ok {
		return name
	}
	return addr.String()
}

// all yields the targets: arguments, then files, then generated ranges.
func (h *hosts) all(args, files []string, ranges []addressRange, s shard, seed uint64) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for _, text := range args {
			if !h.give(text, yield) {
				return
			}
		}
		for _, file := range files {
			if !h.file(file, yield) {
				return
			}
		}
		for _, r := range ranges {
			for a := range r.shuffled(s, seed) {
				h.mu.Lock()
				h.next++
				h.mu.Unlock()
				if !yield(a) {
					return
				}
			}
		}
	}
}

func (h *hosts) give(text string, yield func(netip.Addr) bool) bool {
	a, err := h.fixed, error(nil)
	if !a.IsValid() {
		a, err = h.finder.Find(h.ctx, text)
	}
	if err != nil && h.ctx.Err() != nil {
		return false // the run ended while the name was looked up
	}
	if err != nil {
		h.mu.Lock()
		h.failed++
		h.mu.Unlock()
		h.warn("%v", err)
		return true
	}
	h.mu.Lock()
	if given, err := netip.ParseAddr(text); err != nil || a.WithZone("") != given.Unmap().WithZone("") {
		if h.names == nil {
			h.names = make(map[int]string)
		}
		h.names[h.next] = text
	}
	h.next++
	h.mu.Unlock()
	return yield(a)
}

// file yields the hosts of a file: the first word of each line, # begins a comment.
func (h *hosts) file(name string, yield func(netip.Addr) bool) bool {
	in, err := h.open(h.ctx, name)
	if err != nil {
		if h.ctx.Err() == nil {
			h.fail(err)
		}
		return false
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	for lines.Scan() && h.ctx.Err() == nil { // what stands last when the end comes may be half a line
		text, _, _ := strings.Cut(lines.Text(), "#")
		if words := strings.Fields(text); len(words) > 0 && !h.give(words[0], yield) {
			return false
		}
	}
	if err := lines.Err(); err != nil && h.ctx.Err() == nil {
		h.fail(fmt.Errorf("read hosts from %s: %w", name, err))
	}
	return true
}

func (h *hosts) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed++
	if h.err == nil {
		h.err = err
	}
}

// problems returns how many names had no address, and why a file could not be read.
func (h *hosts) problems() (failed int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed, h.err
}
