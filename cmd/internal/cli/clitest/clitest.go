// Package clitest holds what every command's tests need.
package clitest

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sockwire/capture/golden"
	"sockwire/cmd/internal/cli"
)

// Run calls a command as a shell would and returns what it wrote and its exit status.
func Run(t testing.TB, run cli.RunFunc, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(stdin), &out, &errOut)
	return out.String(), errOut.String(), code
}

// Generated checks that the manual page and the completions in the command's folder doc are those its flags make.
// go test -update writes them.
func Generated(t *testing.T, name string, run cli.RunFunc) {
	t.Helper()
	files := map[string][]string{
		name + ".1":    {"--man"},
		name + ".bash": {"--completion=bash"},
		"_" + name:     {"--completion=zsh"},
		name + ".fish": {"--completion=fish"},
	}
	for file, args := range files {
		stdout, stderr, code := Run(t, run, "", args...)
		if code != 0 {
			t.Fatalf("%s %v: exit %d: %s", name, args, code, stderr)
		}
		golden.Check(t, filepath.Join("doc", file), stdout)
	}
}

// Schema compares the names and the order of everything in JSON records with a golden file. records are pointers to
// structs whose name is that of the record's type with Record behind it, and which have a field Type.
func Schema(t testing.TB, file string, records ...any) {
	t.Helper()
	var b bytes.Buffer
	for _, r := range records {
		v := reflect.ValueOf(r).Elem()
		fill(v)
		v.FieldByName("Type").SetString(strings.TrimSuffix(strings.ToLower(v.Type().Name()), "record"))
		if err := json.NewEncoder(&b).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	golden.Check(t, file, b.String())
}

// fill sets every field of a struct to something that JSON does not leave out.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_700_000_000, 123456789).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		one := reflect.New(v.Type().Elem()).Elem()
		fill(one)
		v.SetMapIndex(reflect.ValueOf("name"), one)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	default:
		v.SetUint(1)
	}
}
