package drop

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// symbols finds the kernel's functions by addresses. The zero value knows none.
type symbols struct {
	file io.ReadCloser // /proc/kallsyms, which decides when it is opened whether it shows addresses
	read sync.Once

	mu     sync.Mutex
	at     []uint64 // where functions begin, in order
	names  []string
	places map[uint64]Place
}

// maxPlaces bounds what is remembered of addresses; there are some hundred places that drop packets.
const maxPlaces = 1 << 14

func (s *symbols) open() {
	if f, err := os.Open("/proc/kallsyms"); err == nil {
		s.file = f
	}
}

func (s *symbols) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// load reads the file, once and when it is needed: it has some hundred thousand lines.
func (s *symbols) load() {
	s.read.Do(func() {
		if s.file == nil {
			return
		}
		s.parse(s.file)
		s.file.Close()
		s.file = nil
	})
}

// parse takes the functions of a list such as /proc/kallsyms: address, type, name, perhaps a module.
func (s *symbols) parse(r io.Reader) {
	type symbol struct {
		at   uint64
		name string
	}
	var all []symbol
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		address, rest, _ := strings.Cut(lines.Text(), " ")
		kind, name, _ := strings.Cut(rest, " ")
		if kind != "t" && kind != "T" && kind != "W" && kind != "w" {
			continue
		}
		at, err := strconv.ParseUint(address, 16, 64)
		if err != nil || at == 0 {
			continue
		}
		name, _, _ = strings.Cut(name, "\t")
		all = append(all, symbol{at, name})
	}
	slices.SortStableFunc(all, func(a, b symbol) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	for _, f := range all {
		if n := len(s.at); n > 0 && s.at[n-1] == f.at {
			continue // another name of the same
		}
		s.at, s.names = append(s.at, f.at), append(s.names, f.name)
	}
}

// known tells whether there are any.
func (s *symbols) known() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load()
	return len(s.at) > 0
}

// find returns the place of an address. The compiler's parts of a function (name.cold, name.isra.0) are that function.
func (s *symbols) find(address uint64) Place {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.places[address]; ok {
		return p
	}
	s.load()
	p := Place{Address: address}
	i, exact := slices.BinarySearch(s.at, address)
	if !exact {
		i--
	}
	if i >= 0 {
		p.Function, _, _ = strings.Cut(s.names[i], ".")
		p.Offset = address - s.at[i]
	}
	if s.places == nil {
		s.places = make(map[uint64]Place)
	}
	if len(s.places) < maxPlaces {
		s.places[address] = p
	}
	return p
}
