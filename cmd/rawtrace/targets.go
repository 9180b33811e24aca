package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/host"
)

const mostHostBytes = 64 << 20 // of a file of hosts

// finder finds the addresses of hosts.
func (o *options) finder(p *plan) *host.Finder {
	f := &host.Finder{Family: p.family, Device: o.device}
	if f.Family == 0 && p.source.IsValid() {
		f.Family = 6
		if p.source.Is4() {
			f.Family = 4
		}
	}
	return f
}

// findTarget finds one host.
func findTarget(ctx context.Context, f *host.Finder, text string) (target, error) {
	a, err := f.Find(ctx, text)
	if err != nil {
		return target{}, err
	}
	if a.IsMulticast() || a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return target{}, cli.Usagef("%v is no address of one host: there is no path to it", a)
	}
	t := target{addr: a}
	if given, err := netip.ParseAddr(text); err != nil || given.Unmap().WithZone("") != a.WithZone("") {
		t.name = text
	}
	return t, nil
}

// hostFiles are files of hosts, open and not yet read.
type hostFiles []*cli.Input

// openFiles opens the files of hosts. It comes before privileges are given up, reading them behind.
func (o *options) openFiles(ctx context.Context, env *cli.Env) (files hostFiles, err error) {
	for _, name := range o.files {
		in, err := env.Open(ctx, name)
		if err != nil {
			files.close()
			return nil, fmt.Errorf("--file: %w", err)
		}
		files = append(files, in)
	}
	return files, nil
}

func (files hostFiles) close() {
	for _, in := range files {
		in.Close()
	}
}

// targets reads the hosts: the first word of each line, # begins a comment.
func (files hostFiles) targets(ctx context.Context, f *host.Finder) (list []target, err error) {
	for _, in := range files {
		b, err := in.ReadAll(mostHostBytes)
		if err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		lines := bufio.NewScanner(bytes.NewReader(b))
		for n := 1; lines.Scan(); n++ {
			text, _, _ := strings.Cut(lines.Text(), "#")
			words := strings.Fields(text)
			if len(words) == 0 {
				continue
			}
			t, err := findTarget(ctx, f, words[0])
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", in.Name(), n, err)
			}
			list = append(list, t)
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", in.Name(), err)
		}
	}
	return list, nil
}
