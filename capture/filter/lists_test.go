package filter

import (
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func (e *listed) options(names Names) *Options {
	o := &Options{Names: names, Live: e.LinuxExt != 0, Snaplen: e.Snaplen}
	if e.Netmask != "" {
		o.Netmask = netip.MustParseAddr(e.Netmask)
	}
	return o
}

// acceptedByRejecting are entries of accept.json that no packet can match: libpcap compiles them only
// without its optimizer, and reject.json has some of them too.
func acceptedByRejecting(e *listed, err error) bool {
	return errors.Is(err, ErrNeverMatches) &&
		(strings.HasPrefix(e.Name, "bool_reduction_returns_false") || strings.HasPrefix(e.Name, "link_proto_stp_RAW") ||
			strings.HasPrefix(e.Name, "link_proto_ip_IPV6") || strings.HasSuffix(e.Name, "_index_RAW") || strings.HasSuffix(e.Name, "_NULL") || strings.HasSuffix(e.Name, "_LOOP") ||
			strings.HasSuffix(e.Name, "_PFLOG") || strings.HasSuffix(e.Name, "_FRELAY") || strings.HasSuffix(e.Name, "_IPNET"))
}

// TestAcceptList compiles everything that libpcap's tests say must compile.
func TestAcceptList(t *testing.T) {
	names := testNames(t)
	entries, spellings, never := 0, 0, 0
	for _, e := range readList(t, "accept.json") {
		link, ok := linkByName(e.DLT)
		if !ok || e.Name == "bpf_image" { // not an expression: it makes libpcap's test program print a table
			continue
		}
		entries++
		for _, expr := range e.Exprs {
			spellings++
			f, err := Parse(expr)
			if err != nil {
				t.Errorf("%s: %s: %q: %v", e.Name, e.DLT, expr, err)
				continue
			}
			opts := e.options(names)
			_, err = f.Compile(link, opts)
			if acceptedByRejecting(&e, err) {
				never++
				opts.NoOptimize = true
				_, err = f.Compile(link, opts)
			}
			if err != nil {
				t.Errorf("%s: %s: %q: %v", e.Name, e.DLT, expr, err)
			}
			g, err := Parse(f.String())
			if err != nil {
				t.Errorf("%q prints as %q: %v", expr, f, err)
			} else if g.String() != f.String() {
				t.Errorf("%q prints as %q and then as %q", expr, f, g)
			}
		}
	}
	t.Logf("%d entries, %d spellings compile; %d of them only unoptimized, because they match nothing", entries, spellings, never)
}

// TestRejectList refuses everything that libpcap's tests say must be refused.
func TestRejectList(t *testing.T) {
	names := testNames(t)
	total, refused, excepted := 0, 0, 0
	for _, e := range readList(t, "reject.json") {
		link, ok := linkByName(e.DLT)
		if !ok {
			continue
		}
		total++
		f, err := Parse(e.Expr)
		if err == nil {
			_, err = f.Compile(link, e.options(names))
		}
		if err != nil {
			refused++
			continue
		}
		if e.Error == "protochain not supported" { // by a libpcap that was built without it
			excepted++
			continue
		}
		t.Errorf("%s: %s: %q compiles; libpcap: %s", e.Name, e.DLT, e.Expr, e.Error)
	}
	t.Logf("%d of %d refused, %d excepted by name", refused, total, excepted)
}

// TestApplyList runs filters on captures with known results.
func TestApplyList(t *testing.T) {
	dir := filepath.Join(corpusDir(t), "libpcap")
	names := testNames(t)
	total, good, other, skipped := 0, 0, 0, 0
	for _, e := range readList(t, "apply.json") {
		frames, _ := readFrames(filepath.Join(dir, e.File))
		if len(frames) == 0 {
			other++
			continue
		}
		link := frames[0].Link
		if !slices.Contains(listedLinks, link) {
			other++
			continue
		}
		if strings.Contains(e.Skip, "ethers") {
			skipped++
			continue
		}
		total++
		f, err := Parse(e.Expr)
		if err != nil {
			t.Errorf("%s: %q: %v", e.Name, e.Expr, err)
			continue
		}
		p, err := f.Compile(link, e.options(names))
		if err != nil {
			t.Errorf("%s: %q: %v", e.Name, e.Expr, err)
			continue
		}
		if len(frames) != len(e.Results) {
			t.Errorf("%s: %s has %d packets, the list %d results", e.Name, e.File, len(frames), len(e.Results))
			continue
		}
		ok := true
		for i := range frames {
			if p.MatchFrame(&frames[i]) != (e.Results[i] != 0) {
				t.Errorf("%s: %q on packet %d of %s: %v", e.Name, e.Expr, i+1, e.File, p.MatchFrame(&frames[i]))
				ok = false
			}
		}
		if ok {
			good++
		}
	}
	t.Logf("%d of %d give their results; %d are for other link types, %d need libpcap's own names", good, total, other, skipped)
}
