package capture

import (
	"fmt"
	"strings"
	"time"
)

// layouts are the conversions of strftime(3) that time.Format knows.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January",
	'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06",
	'e': "_2", 'F': "2006-01-02", 'H': "15", 'I': "03", 'j': "002",
	'm': "01", 'M': "04", 'p': "PM", 'r': "03:04:05 PM", 'R': "15:04",
	'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

// strftime writes t into the conversions of s, as strftime(3) does in the C locale. Others than those of C99 stay as
// they are.
func strftime(s string, t time.Time) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "%")
		b.WriteString(before)
		if !found || after == "" {
			if found {
				b.WriteByte('%')
			}
			return b.String()
		}
		b.WriteString(conversion(after[0], t))
		s = after[1:]
	}
}

func conversion(c byte, t time.Time) string {
	if layout, ok := layouts[c]; ok {
		return t.Format(layout)
	}
	year, week := t.ISOWeek()
	day := int(t.Weekday())
	switch c {
	case '%':
		return "%"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 's':
		return fmt.Sprint(t.Unix())
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100)
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1)
	case 'g':
		return fmt.Sprintf("%02d", year%100)
	case 'G':
		return fmt.Sprint(year)
	case 'V':
		return fmt.Sprintf("%02d", week)
	case 'u':
		return fmt.Sprint((day+6)%7 + 1)
	case 'w':
		return fmt.Sprint(day)
	case 'U': // weeks begin on Sunday
		return fmt.Sprintf("%02d", (t.YearDay()+6-day)/7)
	case 'W': // weeks begin on Monday
		return fmt.Sprintf("%02d", (t.YearDay()+6-(day+6)%7)/7)
	}
	return "%" + string(c)
}
