// Package save writes what strangers sent to new files in one directory. What is there stays as it is, nothing is
// followed out of the directory, whatever has its name meanwhile, and a name that a stranger gave is made harmless.
package save

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Dir is a directory that files are saved in. It is not for use by several goroutines at once.
type Dir struct {
	root *os.Root
	next map[string]int // the number that a name gets when it comes again
}

// Open opens a directory, which has to be there.
func Open(name string) (*Dir, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &Dir{root: root, next: map[string]int{}}, nil
}

// Close lets the directory go.
func (d *Dir) Close() error { return d.root.Close() }

// Names returns the names of what is in the directory, in no order.
func (d *Dir) Names() ([]string, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// Create makes a new file; an error that is fs.ErrExist says that there is something of that name, if only a link to
// nowhere.
func (d *Dir) Create(name string) (*os.File, error) {
	return d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
}

// OpenRead opens a file of the directory, such as one that was saved.
func (d *Dir) OpenRead(name string) (*os.File, error) { return d.root.Open(name) }

// Remove takes a file away, such as one that could not be written as a whole.
func (d *Dir) Remove(name string) error { return d.root.Remove(name) }

// Write makes a new file of data. One that could not be written as a whole is taken away again.
func (d *Dir) Write(name string, data []byte) error {
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = d.Remove(name)
	}
	return err
}

// maxTries bounds the numbers that are tried for one name in one go.
const maxTries = 10000

// CreateNamed makes a new file with the name that Name makes of a stranger's, and where there is one already with a
// number: "a.html", "a-2.html".
func (d *Dir) CreateNamed(stranger string) (*os.File, string, error) {
	name := Name(stranger)
	stem, ext := split(name)
	for range maxTries {
		n := d.next[name] + 1
		d.next[name] = n
		numbered := name
		if n > 1 {
			numbered = stem + "-" + strconv.Itoa(n) + ext
		}
		f, err := d.Create(numbered)
		if !errors.Is(err, fs.ErrExist) {
			return f, numbered, err
		}
	}
	return nil, name, fmt.Errorf("%s and %d names like it: %w", name, maxTries, fs.ErrExist)
}

// maxName is the longest name, in bytes; numbers and suffixes come to it.
const maxName = 160

// Name makes a file name of a text from a stranger: its last part as a path, of printable characters that every system
// takes, neither hidden nor an option nor a device. Of an empty one it makes "_".
func Name(stranger string) string {
	if i := strings.LastIndexAny(stranger, `/\`); i >= 0 {
		stranger = stranger[i+1:]
	}
	name := strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) || r == utf8.RuneError || strings.ContainsRune(`<>:"|?*`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(stranger, "_"))
	name = strings.TrimLeft(name, " ")
	if stem, ext := split(name); len(name) > maxName {
		if len(ext) > 16 {
			stem, ext = name, ""
		}
		stem = stem[:maxName-len(ext)]
		for !utf8.ValidString(stem) {
			stem = stem[:len(stem)-1]
		}
		name = stem + ext
	}
	name = strings.TrimRight(name, " .")
	switch {
	case name == "":
		return "_"
	case name[0] == '.' || name[0] == '-' || name[0] == '~' || device(name):
		return "_" + name
	}
	return name
}

// split cuts a name before its last suffix.
func split(name string) (stem, ext string) {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[:i], name[i:]
	}
	return name, ""
}

// device tells the names that Windows takes for devices, with any suffix.
func device(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	for _, port := range [...]string{"COM", "LPT"} {
		if rest, ok := strings.CutPrefix(stem, port); ok {
			return len(rest) == 1 && rest[0] >= '0' && rest[0] <= '9' || rest == "¹" || rest == "²" || rest == "³"
		}
	}
	return false
}
