package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"sockwire/cmd/internal/cli"
)

// places says to whom an address belongs and where it is, by files in MaxMind's format that the user names. Nothing is
// asked of the network. The zero value knows nothing.
type places struct {
	asn, city *maxminddb.Reader
	files     [2]*placeFile
	known     map[netip.Addr]place
}

// place is what the files say of an address.
type place struct {
	AS      uint32 // number of the autonomous system, 0 if it is not known
	Org     string // who runs it
	City    string
	Country string // ISO 3166 code
}

// placeFile is a file that is open and not yet read.
type placeFile struct {
	flag, name string
	in         *cli.Input
}

const (
	mostPlaceBytes = 1 << 30 // the largest file that MaxMind sells has half of this
	mostPlaces     = 65536   // addresses remembered
)

// openPlaces opens the files, "" for none. It comes before privileges are given up, reading them behind.
func openPlaces(ctx context.Context, env *cli.Env, asn, city string) (*places, error) {
	p := &places{known: make(map[netip.Addr]place)}
	for i, f := range []placeFile{{flag: "asn", name: asn}, {flag: "city", name: city}} {
		if f.name == "" {
			continue
		}
		in, err := env.Open(ctx, f.name)
		if err != nil {
			p.close()
			return nil, fmt.Errorf("--%s: %w", f.flag, err)
		}
		f.in = in
		p.files[i] = &f
	}
	return p, nil
}

// placeKinds are words in the types of databases: what those for a flag have, and what those for the other flag do.
var placeKinds = [2]struct {
	flag, has string
	not       []string
}{{"asn", "ASN", []string{"City", "Country"}}, {"city", "City", []string{"ASN"}}}

// read reads the files. They are read whole: one that is cut while it is mapped would end the process.
func (p *places) read() error {
	defer p.close()
	for i, to := range []**maxminddb.Reader{&p.asn, &p.city} {
		f := p.files[i]
		if f == nil {
			continue
		}
		b, err := f.in.ReadAll(mostPlaceBytes)
		if err != nil {
			return fmt.Errorf("--%s: %w", f.flag, err)
		}
		if *to, err = openDatabase(b); err != nil {
			return cli.WithHint(fmt.Errorf("--%s: %s is no MaxMind database: %w", f.flag, f.in.Name(), err),
				"it wants a file such as GeoLite2-%s.mmdb", placeKinds[i].has)
		}
		kind := (*to).Metadata.DatabaseType
		says := func(word string) bool { return strings.Contains(kind, word) }
		if !says(placeKinds[i].has) && slices.ContainsFunc(placeKinds[i].not, says) {
			return cli.WithHint(fmt.Errorf("--%s: %s is a database of type %s", f.flag, f.in.Name(), cli.Escape(kind)),
				"it wants a file such as GeoLite2-%s.mmdb; this one is for --%s", placeKinds[i].has, placeKinds[1-i].flag)
		}
	}
	return nil
}

// openDatabase is maxminddb.OpenBytes for a file that anybody may have made.
func openDatabase(b []byte) (r *maxminddb.Reader, err error) {
	defer recovered(&err)
	return maxminddb.OpenBytes(b)
}

// recovered makes an error of a panic: a damaged file is one more place without a name.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("damaged: %v", r)
	}
}

func (p *places) close() {
	for i, f := range p.files {
		if f != nil {
			f.in.Close()
		}
		p.files[i] = nil
	}
}

// of returns what the files say of an address; what they say wrongly is left out.
func (p *places) of(a netip.Addr) place {
	if p == nil || p.asn == nil && p.city == nil || !a.IsValid() {
		return place{}
	}
	a = a.WithZone("").Unmap()
	if at, ok := p.known[a]; ok {
		return at
	}
	var at place
	var as struct {
		Number uint32 `maxminddb:"autonomous_system_number"`
		Org    string `maxminddb:"autonomous_system_organization"`
	}
	if decode(p.asn, a, &as) == nil {
		at.AS, at.Org = as.Number, as.Org
	}
	var where struct {
		City struct {
			Names struct {
				English string `maxminddb:"en"`
			} `maxminddb:"names"`
		} `maxminddb:"city"`
		Country struct {
			Code string `maxminddb:"iso_code"`
		} `maxminddb:"country"`
	}
	if decode(p.city, a, &where) == nil {
		at.City, at.Country = where.City.Names.English, where.Country.Code
	}
	if len(p.known) < mostPlaces {
		p.known[a] = at
	}
	return at
}

func decode(r *maxminddb.Reader, a netip.Addr, to any) (err error) {
	if r == nil {
		return nil
	}
	defer recovered(&err)
	return r.Lookup(a).Decode(to)
}

// mostName bounds a name of a file on a line.
const mostName = 40

// String is the place as it stands on a line: "AS64500 Example, Berlin, DE", "" if nothing is known.
func (p place) String() string {
	var parts []string
	if p.AS != 0 {
		as := fmt.Sprintf("AS%d", p.AS)
		if p.Org != "" {
			as += " " + shortened(p.Org)
		}
		parts = append(parts, as)
	}
	if p.City != "" {
		parts = append(parts, shortened(p.City))
	}
	if p.Country != "" {
		parts = append(parts, shortened(p.Country))
	}
	return strings.Join(parts, ", ")
}

// shortened is a stranger's text made safe, and cut to what a line has room for.
func shortened(s string) string {
	s = cli.Escape(s)
	if r := []rune(s); len(r) > mostName {
		s = string(r[:mostName-1]) + "…"
	}
	return s
}
