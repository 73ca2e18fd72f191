package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Bounds of bodies.
const (
	maxBody       = 64 << 20 // a list of a million devices
	maxScopedBody = 8 << 20  // one of those that a scope has
	maxSmallBody  = 1 << 20
	bodyTimeout   = 2 * time.Minute
)

// checkBody refuses bodies where none belong and those that are not JSON, and bounds
// them.
func checkBody(w http.ResponseWriter, r *request, e *endpoint) error {
	most := int64(maxSmallBody)
	switch {
	case r.ContentLength == 0: // with HTTP/2 there is a Body all the same
		return nil
	case e.body == nil:
		return refuse(http.StatusBadRequest, "%s %s takes no body", e.method, e.path)
	case e.large && r.who.Scope.Whole():
		most = maxBody
	case e.large:
		most = maxScopedBody
	}
	if kind := r.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
			return refuse(http.StatusUnsupportedMediaType, "the body is %q: send application/json", clip(kind))
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	return nil
}

// readBody reads a JSON object into a struct. Fields that are not known and those
// that cannot be read are refused, all of them at once. An empty body is an empty
// object.
func readBody(r *http.Request, into any) error { return readObject(r.Body, into) }

func readObject(body io.Reader, into any) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return badBody(err)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	fields, seen := fieldsOf(reflect.ValueOf(into).Elem()), map[string]bool{}
	var bad []fieldProblem
	err = eachField(data, func(name string, value json.RawMessage) {
		field, known := fields[name]
		switch {
		case !known:
			bad = append(bad, fieldProblem{strings.ToValidUTF8(clip(name), "?"), "is not known"})
			return
		case seen[name]:
			bad = append(bad, fieldProblem{name, "stands there more than once"})
			return
		}
		seen[name] = true
		decoder := json.NewDecoder(bytes.NewReader(value))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(field.Addr().Interface()); err != nil {
			bad = append(bad, fieldProblem{name, jsonError(err)})
		}
	})
	if err != nil {
		return badBody(err)
	}
	slices.SortFunc(bad, func(a, b fieldProblem) int { return strings.Compare(a.Name, b.Name) })
	return refuseFields("body", bad)
}

// eachField calls fn for each field of a JSON object, with which the text ends.
func eachField(text []byte, fn func(name string, value json.RawMessage)) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return errors.Join(err, errors.New("it must be one JSON object"))
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		fn(name.(string), value)
	}
	if _, err := decoder.Token(); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one JSON document")
	}
	return nil
}

// fieldsOf returns the fields of a struct by their names in JSON.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name != "-" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

// badBody returns the problem of a body that cannot be read.
func badBody(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return refuse(http.StatusBadRequest, "body: %s", jsonError(err))
}

// jsonError says what is wrong in the words of JSON, not of Go.
func jsonError(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	if !errors.As(err, &kind) {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	want := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Slice: "a list", reflect.Struct: "an object", reflect.Map: "an object",
	}[kind.Type.Kind()]
	if want == "" {
		want = "a number"
	}
	if kind.Field != "" {
		return fmt.Sprintf("%s is a %s, not %s", kind.Field, kind.Value, want)
	}
	return fmt.Sprintf("is a %s, not %s", kind.Value, want)
}
