package campaign

import (
	"slices"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	var c Config
	c.SetDefaults()
	problems := func(c Config) (keys []string) {
		c.Validate(func(key, _, _ string) { keys = append(keys, key) })
		return keys
	}
	if keys := problems(c); len(keys) > 0 {
		t.Errorf("the defaults are refused: %v", keys)
	}
	want := []string{"max_campaigns", "max_devices", "rate_per_second", "arrive_within"}
	for _, c := range []Config{{-1, -1, -1, -1}, {1 << 30, 1 << 30, 1e9, 1000 * 24 * time.Hour}} {
		if keys := problems(c); !slices.Equal(keys, want) {
			t.Errorf("%+v: problems with %v, want %v", c, keys, want)
		}
	}
}
