package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/acsgate/acsgate/configs"
)

// FuzzParse: whatever a file holds, there is either a complete configuration,
// which can be written and read back, or problems with places in the file.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(configs.Minimal))
	f.Add([]byte(configs.Minimal + configs.Quirks))
	f.Add([]byte(uncomment(configs.Reference)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fuzz.yaml", data)
		if err == nil {
			checkRoundTrip(t, c)
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 || c != nil {
			t.Fatalf("no problems but %v", err)
		}
		checkProblems(t, problems, data)
	})
}

// checkRoundTrip checks that what Effective writes is the same configuration.
func checkRoundTrip(t *testing.T, c *Config) {
	t.Helper()
	text := c.Effective()
	again, err := Parse("effective.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\nin:\n%s", err, text)
	}
	if second := again.Effective(); second != text {
		t.Fatalf("first:\n%s\nthen:\n%s", text, second)
	}
	if keys := Diff(c, again); keys != nil {
		t.Fatalf("differs in %v:\n%s", keys, text)
	}
	if !reflect.DeepEqual(c.Upstreams(), again.Upstreams()) {
		t.Fatalf("upstreams %+v, read back %+v", c.Upstreams(), again.Upstreams())
	}
}
