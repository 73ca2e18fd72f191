package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Load reads and checks a configuration file. The error is Problems with all
// that is wrong with it. Names of files in it are relative to its directory.
func Load(path string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Problems{{File: path, Text: "cannot be read: " + reason(err)}}
	}
	return Parse(path, data)
}

// Parse is Load for a text that is at hand; path says where it is from, for
// messages and for the names of files in it.
func Parse(path string, data []byte) (*Config, error) {
	found := newCollector(path)
	root := readTree(data, found)
	c := &Config{}
	decoder{found}.value(root, reflect.ValueOf(c).Elem(), "")
	c.setDefaults()
	// Once more over the defaults: a 0 in the file is no absent key.
	decoder{newCollector(path)}.value(root, reflect.ValueOf(c).Elem(), "")
	c.resolveFiles(filepath.Dir(path))
	c.validate(root, found)
	if err := found.problems(data); err != nil {
		return nil, err
	}
	return c, nil
}

// readFile reads no more of a file than it takes to see that it is too large.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// resolveFiles makes the names of files relative to the directory of the
// configuration file: the keys that end in _file or _dir.
func (c *Config) resolveFiles(dir string) {
	walk(reflect.ValueOf(c), "", func(v reflect.Value, key string) {
		if v.Kind() != reflect.String || !strings.HasSuffix(key, "_file") && !strings.HasSuffix(key, "_dir") {
			return
		}
		if name := v.String(); name != "" && !filepath.IsAbs(name) {
			v.SetString(filepath.Join(dir, name))
		}
	})
}

// reason leaves out the name of a file, which stands beside it.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
