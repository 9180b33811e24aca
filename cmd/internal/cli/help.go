package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

// helpWidth is the column at which help texts wrap on w: that of the terminal, within what reads well.
func helpWidth(w io.Writer) int { return min(max(Width(w), 40), 100) }

// WriteHelp writes what --help shows.
func (c *Command) WriteHelp(w io.Writer) error {
	var b bytes.Buffer
	width := helpWidth(w)
	fmt.Fprintf(&b, "%s\n\nUsage:\n", wrap(c.Name+": "+c.Short, width))
	for _, u := range c.Usage {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(c.Name+" "+u))
	}
	if c.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", wrap(c.Long, width))
	}
	for _, t := range c.Topics {
		fmt.Fprintf(&b, "\n%s: %s --help %s\n", t.Short, c.Name, t.Name)
	}
	if len(c.Words) > 0 {
		b.WriteString("\nArguments:\n")
		column := 0
		for _, word := range c.Words {
			column = max(column, len(word.Name))
		}
		for _, word := range c.Words {
			text := strings.ReplaceAll(wrap(word.Short, width-column-4), "\n", "\n"+strings.Repeat(" ", column+4))
			fmt.Fprintf(&b, "  %-*s  %s\n", column, word.Name, text)
		}
	}
	b.WriteString("\nFlags:\n")
	c.writeFlags(&b, width)
	if len(c.Examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, e := range c.Examples {
			fmt.Fprintf(&b, "  %s\n%s\n", e.Line, indent(wrap(e.Text, width-6), "      "))
		}
	}
	if c.Privilege != "" {
		fmt.Fprintf(&b, "\nPrivilege:\n%s\n", indent(wrap(c.Privilege, width-2), "  "))
	}
	fmt.Fprintf(&b, "\nExit status:\n")
	for i, meaning := range []string{exitOKText, c.exitNoText(), "usage or operation error"} {
		fmt.Fprintf(&b, "  %d  %s\n", i, strings.ReplaceAll(wrap(meaning, width-5), "\n", "\n     "))
	}
	_, err := w.Write(b.Bytes())
	return err
}

const exitOKText = "it worked"

func (c *Command) exitNoText() string {
	if c.ExitStatus != "" {
		return c.ExitStatus
	}
	return "the network said no"
}

// visibleFlags calls f for each flag that is not hidden, in the order of definition.
func (c *Command) visibleFlags(f func(*pflag.Flag)) {
	c.Flags.VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			f(flag)
		}
	})
}

// writeFlags writes a line for each flag, its meaning in a column of its own.
func (c *Command) writeFlags(b *bytes.Buffer, helpWidth int) {
	const most = 26 // columns for a flag; a longer one has its meaning on the next line
	width := 0
	c.visibleFlags(func(f *pflag.Flag) {
		if n := len(flagName(f)); n <= most {
			width = max(width, n)
		}
	})
	column := strings.Repeat(" ", width+4)
	c.visibleFlags(func(f *pflag.Flag) {
		_, usage := pflag.UnquoteUsage(f)
		if hasDefault(f) {
			usage += " (default " + f.DefValue + ")"
		}
		usage = strings.ReplaceAll(wrap(usage, helpWidth-len(column)), "\n", "\n"+column)
		if name := flagName(f); len(name) <= width {
			fmt.Fprintf(b, "  %-*s  %s\n", width, name, usage)
		} else {
			fmt.Fprintf(b, "  %s\n%s%s\n", name, column, usage)
		}
	})
}

// flagName returns a flag as the help names it: "-c, --count N".
func flagName(f *pflag.Flag) string {
	name := "    --" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	if value := flagValue(f); value != "" {
		if f.NoOptDefVal != "" {
			return name + "[=" + value + "]"
		}
		return name + " " + value
	}
	return name
}

// flagValue returns what stands for the flag's value in help and manual page, "" for a flag that needs none.
func flagValue(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool", "count":
		return ""
	}
	value, _ := pflag.UnquoteUsage(f)
	return value
}

// wrap fills paragraphs to width columns: lines that follow each other are one, an empty line stays, and a line
// that starts with a space stands as it is.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	newline := func() {
		b.WriteByte('\n')
		column = 0
	}
	for i, line := range strings.Split(text, "\n") {
		verbatim := line == "" || line[0] == ' '
		if i > 0 && (verbatim || column == 0) {
			newline()
		}
		if verbatim {
			b.WriteString(line)
			column = 0
			continue
		}
		for _, word := range strings.Fields(line) {
			if column > 0 && column+1+utf8.RuneCountInString(word) > width {
				newline()
			}
			if column > 0 {
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += utf8.RuneCountInString(word)
		}
	}
	return b.String()
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}

// hasDefault tells whether a flag has a default worth saying.
func hasDefault(f *pflag.Flag) bool {
	switch f.DefValue {
	case "", "0", "false", "0s", "[]":
		return false
	}
	return true
}
