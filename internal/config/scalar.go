package config

import (
	"encoding"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

const noValue = "has no value: give it one, or remove the key"

// single decodes one scalar value.
func (d decoder) single(n *node, v reflect.Value, key string) {
	switch n.kind {
	case null:
		d.found.lose(n.at, key, "", noValue)
		return
	case scalar:
	default:
		d.found.lose(n.at, key, "", "must be a single value, not "+n.describe())
		return
	}
	if text := setScalar(n, v); text != "" {
		d.found.lose(n.at, key, n.text, text)
	}
}

// setScalar sets v from a scalar; what it returns is what is wrong with it.
func setScalar(n *node, v reflect.Value) string {
	if v.Type() == durationType {
		return setDuration(n.text, v)
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(n.text)); err != nil {
			return err.Error()
		}
		return ""
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.text)
		return ""
	case reflect.Bool:
		return setBool(n, v)
	case reflect.Int, reflect.Int64:
		return setInt(n, v)
	case reflect.Float64:
		return setFloat(n, v)
	default:
		panic("config: no way to read a " + v.Type().String())
	}
}

func setDuration(text string, v reflect.Value) string {
	d, err := time.ParseDuration(text)
	if err == nil {
		v.SetInt(int64(d))
		return ""
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
		return "has no unit, write " + strings.TrimSpace(text) + "s"
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return "has a unit that is not known, write " + strconv.FormatUint(n*24, 10) + "h"
		}
	}
	return "is not a duration such as 500ms, 5s, 2m or 1h30m"
}

func setBool(n *node, v reflect.Value) string {
	switch strings.ToLower(n.text) {
	case "true", "false":
		if n.quoted {
			return "is text, write " + strings.ToLower(n.text) + " without quotes"
		}
		v.SetBool(strings.ToLower(n.text) == "true")
		return ""
	case "yes", "on", "y", "1":
		return "is neither true nor false, write true"
	case "no", "off", "n", "0":
		return "is neither true nor false, write false"
	default:
		return "is neither true nor false"
	}
}

func setInt(n *node, v reflect.Value) string {
	i, err := strconv.ParseInt(n.text, 10, v.Type().Bits())
	switch {
	case errors.Is(err, strconv.ErrRange):
		return "is too large a number"
	case err != nil:
		if i, err := strconv.ParseInt(strings.NewReplacer("_", "", ",", "", " ", "", "k", "000", "K", "000").Replace(n.text), 10, 64); err == nil {
			return "is not a whole number, write " + strconv.FormatInt(i, 10)
		}
		return "is not a whole number"
	case n.quoted:
		return "is text, write " + n.text + " without quotes"
	}
	v.SetInt(i)
	return ""
}

func setFloat(n *node, v reflect.Value) string {
	number := strings.TrimSpace(strings.TrimSuffix(n.text, "%"))
	f, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(number, "xX_pP"):
		return "is not a number"
	case number != n.text:
		return "has a unit that it must not have, write " + number
	case n.quoted:
		return "is text, write " + n.text + " without quotes"
	}
	v.SetFloat(f)
	return ""
}
