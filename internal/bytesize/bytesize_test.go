package bytesize

import (
	"testing"
)

func TestUnmarshalText(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "512": 512, "512b": 512, "1k": KB, "64KB": 64 * KB, "64 kib": 64 * KB, "8MB": 8 * MB,
		"1.5GB": 1536 * MB, " 2g ": 2 * GB, "0.5k": 512, "1073741824GB": maxSize,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestUnmarshalText_Refuses(t *testing.T) {
	syntax := errSyntax.Error()
	for text, want := range map[string]string{
		"": syntax, "MB": syntax, "-1": syntax, "+1KB": syntax, "1e3": syntax, "nan": syntax, "inf": syntax,
		"0x10": syntax, "1_000": syntax, "1.2.3": syntax, "8XB": syntax, "8MBps": syntax, "1 2": syntax,
		"1.5": "is not a whole number of bytes", "0.3KB": "is not a whole number of bytes",
		"1073741825GB": "is too large", "99999999999999999999999999GB": "is too large",
	} {
		got := Size(7)
		if err := got.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
		if got != 7 {
			t.Errorf("%q changed the size to %d", text, got)
		}
	}
}

func FuzzSizeRoundTrip(f *testing.F) {
	for _, text := range []string{"0", "512", "64KB", "1.5GB", "8 mib", "x", "1073741824GB"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var one, two Size
		if one.UnmarshalText([]byte(text)) != nil {
			return
		}
		if one < 0 || one > maxSize {
			t.Fatalf("%q is %d", text, one)
		}
		if err := two.UnmarshalText([]byte(one.String())); err != nil || two != one {
			t.Fatalf("%q is %d, written %s, read back %d, %v", text, one, one, two, err)
		}
	})
}
