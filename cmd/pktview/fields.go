package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sockwire/capture/decode"
	"sockwire/cmd/internal/cli"
)

// checkFields finds what --fields names.
func (o *options) checkFields() error {
	if _, ok := addField[o.format]; !ok {
		return cli.Usagef("--format is text, tsv or csv, not %q", o.format)
	}
	if _, ok := occurrences[o.occurrence]; !ok {
		return cli.Usagef("--occurrence is all, first or last, not %q", o.occurrence)
	}
	if o.separator != "" && !isSeparator(o.separator) {
		return cli.Usagef("--separator is one character, not %q", o.separator)
	}
	if !isSeparator(o.aggregator) {
		return cli.Usagef("--aggregator is one character, not %q", o.aggregator)
	}
	if o.fields == "" || o.listsFields() {
		return nil
	}
	names := strings.Split(o.fields, ",")
	var unknown *decode.UnknownColumn
	for i, name := range names {
		if kind := columnOfFlow(name); kind != notOfFlow {
			o.columns = append(o.columns, decode.Column{Name: name})
			o.hasFlow, o.hasVerdict = true, o.hasVerdict || kind == ofVerdict
			continue
		}
		c, err := decode.Columns(name)
		if errors.As(err, &unknown) {
			unknown.Index = i
			break
		}
		o.columns = append(o.columns, c...)
	}
	if unknown == nil {
		return nil
	}
	place := len(strings.Join(names[:unknown.Index+1], ",")) - len(unknown.Name)
	hint := "--fields list names all there are, --fields ?TEXT those with a text in them"
	if near := cli.Nearest(unknown.Name, columnNames()); near != "" {
		hint = "did you mean " + near + "?"
	}
	if unknown.Name == "" {
		return cli.Usagef("--fields: a name is missing at column %d", place+1)
	}
	return cli.WithHint(cli.Usagef("--fields: column %d: no field is called %q", place+1, unknown.Name), "%s", hint)
}

// occurrences are the values of --occurrence.
var occurrences = map[string]decode.Occurrence{"all": decode.AllOccurrences, "first": decode.FirstOccurrence, "last": decode.LastOccurrence}

// isSeparator tells whether a text can stand between values: one character of ASCII that no value needs quotes for.
func isSeparator(s string) bool {
	return s == "\t" || len(s) == 1 && s[0] >= ' ' && s[0] <= '~' && s[0] != '"'
}

// listsFields tells whether --fields asks for names.
func (o *options) listsFields() bool { return o.fields == "list" || strings.HasPrefix(o.fields, "?") }

// listFields lists the names of all fields, or those with a text in them, or in what they mean, and that.
func listFields(env *cli.Env, asked string) error {
	text, searches := strings.CutPrefix(strings.ToLower(asked), "?")
	found := false
	for _, name := range columnNames() {
		if !searches {
			env.Stdout.Printf("%s\n", name)
			continue
		}
		means := ""
		if d := decode.FieldsNamed(name); len(d) > 0 {
			means = d[0].Name
		}
		if strings.Contains(name, text) || strings.Contains(strings.ToLower(means), text) {
			found = true
			env.Stdout.Printf("%s\n", strings.TrimRight(fmt.Sprintf("%-40s %s", name, means), " "))
		}
	}
	if searches && !found {
		return cli.ErrNo
	}
	return nil
}

// flowColumn is a column of what the analysis finds, not of the packet.
type flowColumn uint8

const (
	notOfFlow flowColumn = iota
	ofStream             // the number of the packet's stream
	ofVerdict            // the kinds of its verdicts
)

func columnOfFlow(name string) flowColumn {
	switch name {
	case "flow.stream", "tcp.stream":
		return ofStream
	case "flow.verdict", "tcp.analysis.flags":
		return ofVerdict
	}
	return notOfFlow
}

func columnNames() []string {
	names := append(decode.ColumnNames(), "flow.stream", "flow.verdict")
	slices.Sort(names)
	return names
}

// addField adds the value of a column in a format. Values stand between separators, which appendFields cuts off in
// front.
var addField = map[string]func(b []byte, c *decode.Column, value []byte) []byte{
	"text": func(b []byte, _ *decode.Column, value []byte) []byte {
		if b = append(b, ' '); len(value) == 0 {
			return append(b, '-')
		}
		return append(b, value...)
	},
	"tsv": func(b []byte, _ *decode.Column, value []byte) []byte { return append(append(b, '\t'), value...) },
	"csv": func(b []byte, c *decode.Column, value []byte) []byte {
		if b = append(b, ','); c.Number() && bytes.IndexByte(value, ',') < 0 {
			return append(b, value...)
		}
		return appendCSV(b, value)
	},
}

// adder returns what adds the value of a column.
func (o *options) adder() func(b []byte, c *decode.Column, value []byte) []byte {
	if o.separator == "" {
		return addField[o.format]
	}
	separator := o.separator[0]
	return func(b []byte, _ *decode.Column, value []byte) []byte { return append(append(b, separator), value...) }
}

// appendCSV adds a text that is escaped already, with a ' in front where a spreadsheet would take it for a formula.
func appendCSV(b, value []byte) []byte {
	formula := len(value) > 0 && bytes.IndexByte([]byte("=+-@|%"), value[0]) >= 0
	if !formula && !bytes.ContainsAny(value, ",\"") {
		return append(b, value...)
	}
	b = append(b, '"')
	if formula {
		b = append(b, '\'')
	}
	b = append(b, bytes.ReplaceAll(value, []byte{'"'}, []byte(`""`))...)
	return append(b, '"')
}

// appendFields adds the line of --fields for packet i. The verdicts of a packet are put in later.
func (r *renderer) appendFields(b []byte, p *decode.Packet, i int) []byte {
	start, s := len(b), r.into
	kept := len(s.places)
	b = r.printer.AppendColumns(b, p, r.o.columns, func(b []byte, c *decode.Column, value []byte) []byte {
		switch columnOfFlow(c.Name) {
		case ofVerdict:
			s.place(b, i, columnPlace)
			return b
		case ofStream:
			if stream := s.about[i].stream; stream >= 0 {
				value = strconv.AppendInt(r.value[:0], int64(stream), 10)
				r.value = value
			}
		}
		return r.add(b, c, value)
	})
	if columnOfFlow(r.o.columns[0].Name) == ofVerdict {
		s.places[kept].kind = firstColumnPlace // its separator is left out when it is put in
	} else {
		b = append(b[:start], b[start+1:]...)
		for k := kept; k < len(s.places); k++ {
			s.places[k].at--
		}
	}
	return append(b, '\n')
}

// printNames prints the line of names that --format tsv and csv begin with.
func (o *options) printNames(env *cli.Env) {
	if len(o.columns) == 0 || o.format == "text" {
		return
	}
	separator := map[string]string{"tsv": "\t", "csv": ","}[o.format]
	names := make([]string, len(o.columns))
	for i, c := range o.columns {
		names[i] = c.Name
	}
	env.Stdout.Printf("%s\n", strings.Join(names, separator))
}
