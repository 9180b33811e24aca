package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hbollon/go-edlib"
	"github.com/spf13/pflag"
)

// Command describes a command: enough to run it, to print its help, and to generate its manual page and shell
// completions, which therefore cannot disagree.
type Command struct {
	Name  string
	Short string         // what it does, in a few words, without a full stop
	Usage []string       // forms of use after the name, such as "[flags] HOST..."
	Long  string         // more, in paragraphs; optional
	Flags *pflag.FlagSet // unsorted: the order they are defined in is the order people read
	Words []Word         // what the first argument can be, where that is a fixed set
	// Topics are what --help NAME shows and the manual page has in full, where the help has no room for it.
	Topics []Topic
	// Examples are shown in the help and the manual page. Use RFC 5737 and RFC 3849 addresses.
	Examples []Example
	// Privilege says which right the command needs and how to get it, one paragraph for the manual page.
	Privilege string
	// ExitStatus adds to or replaces the meaning of exit status 1.
	ExitStatus string
	// PassThrough ends flag parsing at the first argument, as a command that runs another one needs.
	PassThrough bool
	// Elsewhere has flags of the tools that this one takes the place of, by name without dashes, and what to say
	// instead, such as "nping's --tcp is a layer of the expression: ip / tcp". That of a flag that there is, is the
	// hint where its value is missing or wrong.
	Elsewhere map[string]string
	values    map[string][]string // see Values
	// Color adds --color. Env.Color then says whether to use it.
	Color bool
}

// Word is an argument with a fixed meaning, such as a subcommand or a scene.
type Word struct{ Name, Short string }

// Topic is a longer text on one matter: paragraphs, and lines that start with a space and stand as they are.
type Topic struct{ Name, Short, Text string }

// Example is a command line and what it does.
type Example struct{ Line, Text string }

// New returns a command with an empty flag set.
func New(name, short string) *Command {
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.SetOutput(io.Discard)
	return &Command{Name: name, Short: short, Flags: f, Usage: []string{"[flags]"}}
}

// Values says what a flag takes that takes one of few words, for completions. Flags whose word in the help is FILE,
// PATH, DIR, INTERFACE or DEVICE are completed without it.
func (c *Command) Values(flag string, values ...string) {
	if c.values == nil {
		c.values = map[string][]string{}
	}
	c.values[flag] = values
}

// Body does a command's work with its flags parsed. args are those that are not flags.
type Body func(ctx context.Context, env *Env, args []string) error

// Execute parses args, answers --help, --version, --man and --completion, else calls body; it prints the error that
// comes back and returns the exit status. Flags of pflag "ErrHelp" kind never reach body.
func (c *Command) Execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, body Body) int {
	err := c.execute(ctx, args, stdin, stdout, stderr, body)
	return report(inLocale(stderr), c.Name, err)
}

func (c *Command) execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, body Body) error {
	std := c.addStandardFlags()
	c.Flags.SetInterspersed(!c.PassThrough)
	if err := c.Flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return c.WriteHelp(inLocale(stdout))
		}
		return c.flagError(err)
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	switch {
	case std.help:
		for _, t := range c.Topics {
			if c.Flags.Arg(0) == t.Name {
				_, err := fmt.Fprintf(inLocale(stdout), "%s\n", wrap(t.Text, helpWidth(stdout)))
				return err
			}
		}
		return c.WriteHelp(inLocale(stdout))
	case std.version:
		_, err := fmt.Fprintf(stdout, "%s %s\n", c.Name, Version())
		return err
	case std.man:
		return c.WriteMan(inLocale(stdout))
	case std.completion != "":
		return c.WriteCompletion(stdout, std.completion)
	}
	env, err := newEnv(ctx, c, stdin, stdout, stderr, std.color)
	if err != nil {
		return err
	}
	err = body(ctx, env, c.Flags.Args())
	env.close()
	if flushErr := env.Stdout.Flush(); flushErr != nil && (err == nil || errors.Is(err, ErrNo)) {
		return fmt.Errorf("standard output: %w", flushErr)
	}
	return err
}

// checkNames refuses files and interfaces without a name: a variable of a script that is not set must not turn a flag
// off.
func (c *Command) checkNames() (err error) {
	c.Flags.Visit(func(f *pflag.Flag) {
		if err == nil && (isFile(f) || isInterface(f)) && slices.Contains(namesOf(f), "") {
			err = Usagef("--%s has an empty value", f.Name)
		}
	})
	return err
}

func namesOf(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok && len(list.GetSlice()) > 0 { // an empty word may be no element
		return list.GetSlice()
	} else if ok {
		return []string{""}
	}
	return []string{f.Value.String()}
}

type standardFlags struct {
	help, version, man bool
	completion, color  string
}

// addStandardFlags puts the flags that every command has behind its own. A command that means something else by a
// name (rawping's -V, say) has defined it by now and keeps it.
func (c *Command) addStandardFlags() *standardFlags {
	s := new(standardFlags)
	if c.Color {
		c.Flags.StringVar(&s.color, "color", "auto", "colour on standard output: `WHEN` is auto, always or never")
		c.Values("color", "auto", "always", "never")
	}
	short := "h"
	if c.Flags.ShorthandLookup("h") != nil {
		short = ""
	}
	c.Flags.BoolVarP(&s.help, "help", short, false, "print this help")
	c.Flags.BoolVar(&s.version, "version", false, "print the version")
	c.Flags.BoolVar(&s.man, "man", false, "print the manual page, for man -l -")
	c.Flags.StringVar(&s.completion, "completion", "", "print the completion script for `SHELL`: bash, zsh or fish")
	c.Values("completion", Shells...)
	return s
}

// flagError says what is wrong with a flag and, if a known one is near, which.
func (c *Command) flagError(err error) error {
	text := err.Error()
	var missing *pflag.NotExistError
	if errors.As(err, &missing) {
		name := missing.GetSpecifiedName()
		if instead := c.Elsewhere[name]; instead != "" {
			dashes := "--"
			if missing.GetSpecifiedShortnames() != "" {
				dashes = "-"
			}
			return WithHint(fmt.Errorf("unknown flag %s%s", dashes, name), "%s", instead)
		}
		if missing.GetSpecifiedShortnames() == "" {
			var names []string
			c.Flags.VisitAll(func(f *pflag.Flag) {
				if !f.Hidden {
					names = append(names, f.Name)
				}
			})
			if near := Nearest(name, names); near != "" {
				return WithHint(fmt.Errorf("unknown flag --%s", name), "did you mean --%s?", near)
			}
			text = "unknown flag --" + name
		} else {
			text = fmt.Sprintf("unknown flag -%s in -%s", name, missing.GetSpecifiedShortnames())
		}
	}
	if instead := c.meantElsewhere(err); instead != "" {
		return WithHint(errors.New(text), "%s", instead)
	}
	return &usageError{text}
}

// meantElsewhere says what to write instead where a flag has no value, or one that it does not take, as another tool's
// of the same name.
func (c *Command) meantElsewhere(err error) string {
	var invalid *pflag.InvalidValueError
	var none *pflag.ValueRequiredError
	switch {
	case errors.As(err, &invalid):
		return cmp.Or(c.Elsewhere[invalid.GetFlag().Shorthand], c.Elsewhere[invalid.GetFlag().Name])
	case errors.As(err, &none):
		return cmp.Or(c.Elsewhere[none.GetFlag().Shorthand], c.Elsewhere[none.GetFlag().Name])
	}
	return ""
}

// UnknownWord is the error for an argument that is none of the command's words.
func (c *Command) UnknownWord(what, got string) error {
	var names []string
	for _, w := range c.Words {
		names = append(names, w.Name)
	}
	err := fmt.Errorf("unknown %s %q", what, got)
	if near := Nearest(got, names); near != "" {
		return WithHint(err, "did you mean %s? %ss are: %s", near, what, strings.Join(names, " "))
	}
	return WithHint(err, "%ss are: %s", what, strings.Join(names, " "))
}

// Nearest returns the candidate that differs least from s, counting insertions, deletions, changes and swaps of
// neighbours, or "" if none is near enough to be what was meant.
func Nearest(s string, candidates []string) string {
	best, bestDistance := "", len(s)/3+2
	if len(s) > 64 {
		return ""
	}
	for _, c := range candidates {
		if strings.HasPrefix(c, s) && len(s) >= 2 {
			return c
		}
		if d := edlib.OSADamerauLevenshteinDistance(s, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// Given is how many of some flags are given, of which perhaps not more than one may be.
func Given(flags ...bool) (n int) {
	for _, given := range flags {
		if given {
			n++
		}
	}
	return n
}
