package clitest

import "regexp"

var changing = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+(:\d+)?|x*[▁▂▃▄▅▆▇█][x▁▂▃▄▅▆▇█]*|(\d+(\.\d+)?)+(%|[mµn]?s)?| {2,}`)

var address = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+`)

// Masked returns what stands on a screen with # for what every run has otherwise: numbers, times and bars (x where there
// is nothing), and the spaces beside. IPv4 addresses stay.
func Masked(text string) string {
	return changing.ReplaceAllStringFunc(text, func(s string) string {
		switch {
		case address.MatchString(s):
			return address.FindString(s)
		case s[0] == ' ':
			return " "
		}
		return "#"
	})
}
