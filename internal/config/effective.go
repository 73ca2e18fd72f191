package config

import (
	"encoding"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Effective returns the configuration as YAML with every default filled in and
// without secrets. Parse reads it back as the same configuration.
func (c *Config) Effective() string {
	out, err := yaml.MarshalWithOptions(dump(reflect.ValueOf(*c)), yaml.IndentSequence(true))
	if err != nil {
		panic("config: " + err.Error()) // every value is one of those that dump returns
	}
	return string(out)
}

// dump turns a value into what the YAML library writes in the form that Parse
// reads: durations and sizes with their units, keys in the order of the struct.
func dump(v reflect.Value) any {
	switch {
	case v.Type() == durationType:
		return formatDuration(time.Duration(v.Int()))
	case v.Kind() == reflect.Pointer:
		return dump(v.Elem())
	case isSection(v.Type()):
		return dumpSection(v)
	case v.Kind() == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = dump(v.Index(i))
		}
		return list
	case v.Kind() == reflect.String:
		return yamlText(mask(v.String()))
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if text, err := m.MarshalText(); err == nil {
			return number(string(text))
		}
	}
	if v.Kind() == reflect.Float64 {
		return number(strconv.FormatFloat(v.Float(), 'f', -1, 64))
	}
	return v.Interface()
}

// yamlText is text that is written with quotes unless any YAML reader takes it
// for text without them.
type yamlText string

var (
	plainText = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*$`)
	otherType = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null)$`)
)

// MarshalYAML writes the text; the escapes of Go are escapes of YAML as well.
func (s yamlText) MarshalYAML() ([]byte, error) {
	if plainText.MatchString(string(s)) && !otherType.MatchString(string(s)) {
		return []byte(s), nil
	}
	return []byte(strconv.Quote(string(s))), nil
}

// number returns the number that a text is, to be written without quotes and
// without ".0", else the text.
func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return f
	}
	return text
}

func dumpSection(v reflect.Value) any {
	section := yaml.MapSlice{}
	for _, f := range fields(v.Type()) {
		value := v.FieldByIndex(f.index)
		if value.Kind() == reflect.Pointer && value.IsNil() {
			continue
		}
		section = append(section, yaml.MapItem{Key: f.key, Value: dump(value)})
	}
	return section
}

// formatDuration writes a duration as a person would: 1m, not 1m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
