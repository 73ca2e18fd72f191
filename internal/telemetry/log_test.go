package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
)

func newTestLogger(t *testing.T, c LogConfig) (*zap.Logger, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	c.SetDefaults()
	log, err := NewLogger(c, &out)
	if err != nil {
		t.Fatal(err)
	}
	return log, &out
}

func TestNewLogger_JSONCarriesFieldsAndSeconds(t *testing.T) {
	log, out := newTestLogger(t, LogConfig{Format: FormatJSON})
	log.Named("proxy").Info("session ended", zap.String("acs", "north"),
		zap.Duration("took", 1500*time.Millisecond), zap.Error(errors.New("reset by peer")))

	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	for key, want := range map[string]any{
		"level": "info", "logger": "proxy", "msg": "session ended",
		"acs": "north", "took": 1.5, "error": "reset by peer",
	} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, line["time"].(string)); err != nil {
		t.Error(err)
	}
}

func TestNewLogger_ConsoleIsOneLineForPeople(t *testing.T) {
	log, out := newTestLogger(t, LogConfig{})
	log.Error("store unavailable", zap.String("path", "a\nb"), zap.Duration("took", time.Second))

	if got := strings.Count(out.String(), "\n"); got != 1 {
		t.Errorf("an entry took %d lines: %q", got, out)
	}
	for _, want := range []string{"\terror\t", "store unavailable", `"took": "1s"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in %q", want, out)
		}
	}
}

func TestNewLogger_DropsBelowItsLevel(t *testing.T) {
	for _, level := range levels {
		log, out := newTestLogger(t, LogConfig{Level: level})
		log.Debug("debug entry")
		log.Info("info entry")
		log.Warn("warn entry")
		log.Error("error entry")
		at := slices.Index(levels, level)
		for i, other := range levels {
			if got, want := strings.Contains(out.String(), other+" entry"), i >= at; got != want {
				t.Errorf("at %s an entry of level %s: written %v, want %v", level, other, got, want)
			}
		}
	}
}

func TestNewLogger_LinesOfGoroutinesDoNotMix(t *testing.T) {
	log, out := newTestLogger(t, LogConfig{Format: FormatJSON})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				log.Info("entry", zap.String("pad", strings.Repeat("x", 200)))
			}
		})
	}
	all.Wait()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 8*50 {
		t.Fatalf("%d lines, want %d", len(lines), 8*50)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Fatalf("mixed line %q", line)
		}
	}
}

func TestNewLogger_RefusesWhatValidateReports(t *testing.T) {
	for _, test := range []struct {
		config   LogConfig
		key, err string
	}{
		{LogConfig{Level: "loud", Format: "json"}, "level", `log.level: unrecognized level: "loud"`},
		{LogConfig{Level: "info", Format: "xml"}, "format", `log.format: "xml" is not one of console, json`},
	} {
		var keys []string
		test.config.Validate(func(key, value, problem string) {
			keys = append(keys, key)
			if value == "" || !strings.HasPrefix(problem, "is not one of ") {
				t.Errorf("problem of %s: %q %s", key, value, problem)
			}
		})
		if !slices.Equal(keys, []string{test.key}) {
			t.Errorf("reported %v, want %s", keys, test.key)
		}
		if _, err := NewLogger(test.config, &bytes.Buffer{}); err == nil || err.Error() != test.err {
			t.Errorf("error %v, want %s", err, test.err)
		}
	}
}

func TestLogConfig_DefaultsAreValid(t *testing.T) {
	var c LogConfig
	c.SetDefaults()
	c.Validate(func(key, value, problem string) { t.Errorf("%s: %q %s", key, value, problem) })
	if c != (LogConfig{Level: "info", Format: "console"}) {
		t.Errorf("defaults are %+v", c)
	}
}
