package journal

import (
	"slices"
	"testing"
)

func TestConfigValidate(t *testing.T) {
	problems := func(c Config) (keys []string) {
		c.Validate(func(key, _, _ string) { keys = append(keys, key) })
		return keys
	}
	var c Config
	c.SetDefaults()
	if keys := problems(c); len(keys) > 0 {
		t.Errorf("the defaults are refused: %v", keys)
	}
	for _, c := range []Config{{-1, -1}, {1 << 50, 1 << 50}, {1, 1}} {
		if keys := problems(c); !slices.Equal(keys, []string{"memory", "replay"}) {
			t.Errorf("%+v: problems with %v", c, keys)
		}
	}
}
