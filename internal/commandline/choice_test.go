package commandline

import (
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestChoice(t *testing.T) {
	for _, test := range []struct {
		args   string
		colour string
		sizes  []string
		err    string
	}{
		{"", "", nil, ""},
		{"-colour red -size s,l", "red", []string{"s", "l"}, ""},
		{"-colour blue", "", nil, `invalid value "blue" for flag -colour: want red, green`},
		{"-colour red,green", "", nil, "want red, green"},
		{"-size s,xl", "", nil, "want s, m, l"},
		{"-size m -size l", "", []string{"l"}, ""},
	} {
		flags := flag.NewFlagSet("prog", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		var colour string
		var sizes []string
		Choice(flags, &colour, "colour", "of this colour", "red", "green")
		Choices(flags, &sizes, "size", "of these sizes", "s", "m", "l")
		_, err := parse(flags, strings.Fields(test.args))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: %v, want %s", test.args, err, test.err)
			}
			continue
		}
		if err != nil || colour != test.colour || !slices.Equal(sizes, test.sizes) {
			t.Errorf("%q: %q, %q, %v", test.args, colour, sizes, err)
		}
		if kind := kindOf(flags.Lookup("size")); kind != "s|m|l" {
			t.Errorf("kind %q", kind)
		}
	}
}
