package filter

import (
	"net/netip"

	"golang.org/x/net/bpf"

	"sockwire/capture"
)

var _ capture.Expression = (*Filter)(nil)

// Text returns the expression as it was written.
func (f *Filter) Text() string {
	if f == nil {
		return ""
	}
	return f.src
}

// CompileLive compiles the filter for a live capture. It makes Filter a [capture.Expression]; a nil Filter takes every
// frame.
func (f *Filter) CompileLive(link capture.LinkType, snaplen int, netmask netip.Addr) ([]bpf.RawInstruction, error) {
	if f == nil {
		return nil, nil
	}
	p, err := f.Compile(link, &Options{Live: true, Snaplen: snaplen, Netmask: netmask})
	return p.Raw(), err
}
