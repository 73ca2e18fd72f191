package credential

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestOpen_MakesTheDefaultKeyFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := newStore(t)
	v := mustOpen(t, Config{}, dir, depsFor(t, s))
	path := filepath.Join(dir, DefaultKeyFile)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(text)) != hex.EncodeToString(v.key) || len(v.key) != 32 {
		t.Errorf("%d bytes in the file, %v", len(text), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files in the directory, %v", len(entries), err)
	}
	again := mustOpen(t, Config{}, dir, depsFor(t, s))
	if string(again.key) != string(v.key) {
		t.Error("another key at the next start")
	}
}

// TestOpen_RefusesKeyFiles: each problem is told with what to do.
func TestOpen_RefusesKeyFiles(t *testing.T) {
	good := strings.Repeat("0f", 32)
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by the group": {good, 0o640, "chmod 600"},
		"readable by all":       {good, 0o604, "chmod 600"},
		"empty":                 {"", 0o600, "64 hexadecimal digits"},
		"too short":             {good[:62], 0o600, "64 hexadecimal digits"},
		"too long":              {good + "00", 0o600, "64 hexadecimal digits"},
		"much too long":         {strings.Repeat(good, 100), 0o600, "64 hexadecimal digits"},
		"no hexadecimal":        {"xy" + good[2:], 0o600, "64 hexadecimal digits"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Config{KeyFile: path}, "", depsFor(t, newStore(t)))
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), "0f0f") {
			t.Errorf("%s: the key is in the error", name)
		}
	}
}

func TestOpen_NeverMakesAConfiguredKeyFile(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{filepath.Join(dir, "other.key"), "other.key"} {
		if _, err := Open(t.Context(), Config{KeyFile: file}, dir, depsFor(t, newStore(t))); err == nil || !strings.Contains(err.Error(), "is missing") {
			t.Errorf("%s: %v", file, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%d files, %v", len(entries), err)
	}
}

// TestOpen_NoticesALostKey: neither a file that is gone nor another one is taken,
// and a lost one is not replaced.
func TestOpen_NoticesALostKey(t *testing.T) {
	dir, s := t.TempDir(), newStore(t)
	v := mustOpen(t, Config{}, dir, depsFor(t, s))
	v.Learn(device("1"), full)
	mustFlush(t, v)
	path := filepath.Join(dir, DefaultKeyFile)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{}, dir, depsFor(t, s)); err == nil || !strings.Contains(err.Error(), "is missing, and") || !strings.Contains(err.Error(), "backup") {
		t.Errorf("missing: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a new key was made")
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("00", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{}, dir, depsFor(t, s)); err == nil || !strings.Contains(err.Error(), "another key") || !strings.Contains(err.Error(), "backup") {
		t.Errorf("another: %v", err)
	}
	if err := os.Rename(path+".old", path); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, mustOpen(t, Config{}, dir, depsFor(t, s)), device("1")); got != full {
		t.Error("the former key does not read what it wrote")
	}
}

func TestOpen_WithoutADirectoryTheKeyIsInMemory(t *testing.T) {
	v := mustOpen(t, Config{}, "", depsFor(t, newStore(t)))
	v.Learn(device("1"), full)
	mustFlush(t, v)
	if mustGet(t, v, device("1")) != full {
		t.Error("not read again")
	}
}

func TestKey(t *testing.T) {
	dir, s := t.TempDir(), newStore(t)
	v := mustOpen(t, Config{}, dir, depsFor(t, s))
	tokens, nonces := v.Key("tokens"), v.Key("nonces")
	if len(tokens) != 32 || string(tokens) == string(nonces) || string(tokens) == string(v.key) {
		t.Errorf("%x %x", tokens, nonces)
	}
	if again := mustOpen(t, Config{}, dir, depsFor(t, s)); string(again.Key("tokens")) != string(tokens) {
		t.Error("another key after a restart")
	}
	if other := mustOpen(t, Config{}, t.TempDir(), depsFor(t, newStore(t))); string(other.Key("tokens")) == string(tokens) {
		t.Error("the same key of another file")
	}
}
