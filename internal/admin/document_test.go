package admin

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/openapi.json anew")

// TestDocument_IsTheOneInDocs keeps docs/openapi.json, which -update writes anew.
func TestDocument_IsTheOneInDocs(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "openapi.json")
	got := (&API{}).openAPI()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("docs/openapi.json is not what the API is: run go test ./internal/admin -run TestDocument -update")
	}
}

// schemaOf is a part of the document as generic JSON.
type tree = map[string]any

func parseDocument(t testing.TB) tree {
	t.Helper()
	var d tree
	if err := json.Unmarshal((&API{}).openAPI(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// resolve follows a reference.
func resolve(d tree, ref string) (any, bool) {
	at := any(d)
	for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		object, is := at.(tree)
		if !is {
			return nil, false
		}
		if at, is = object[part]; !is {
			return nil, false
		}
	}
	return at, strings.HasPrefix(ref, "#/")
}

func TestDocument_EveryReferenceResolves(t *testing.T) {
	d, seen := parseDocument(t), 0
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case tree:
			if ref, is := v["$ref"].(string); is {
				seen++
				if _, found := resolve(d, ref); !found {
					t.Errorf("%s: %s leads nowhere", at, ref)
				}
			}
			for name, part := range v {
				walk(at+"/"+name, part)
			}
		case []any:
			for i, part := range v {
				walk(fmt.Sprint(at, "/", i), part)
			}
		}
	}
	walk("", d)
	if seen < 50 {
		t.Errorf("only %d references", seen)
	}
}

func TestDocument_HasEveryEndpointOnce(t *testing.T) {
	d, ids, count := parseDocument(t), map[string]bool{}, 0
	for path, item := range d["paths"].(tree) {
		for method, op := range item.(tree) {
			count++
			op := op.(tree)
			id := op["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s %s: operationId %q is missing or taken", method, path, id)
			}
			ids[id] = true
			if op["summary"] == "" {
				t.Errorf("%s has no summary", id)
			}
			for _, p := range pathParameter.FindAllStringSubmatch(path, -1) {
				if !strings.Contains(fmt.Sprint(op["parameters"]), "name:"+p[1]) {
					t.Errorf("%s does not describe %s", id, p[1])
				}
			}
		}
	}
	all := (&API{}).endpoints()
	if count != len(all) {
		t.Errorf("%d operations, %d endpoints", count, len(all))
	}
	for i := range all {
		e := &all[i]
		if !ids[e.id] {
			t.Errorf("%s is not described", e.id)
		}
		if e.role != "" && rank(e.role) == 0 {
			t.Errorf("%s has no role", e.id)
		}
		if e.writes() && e.id != "previewCampaign" && rank(e.role) < rank(RoleOperator) {
			t.Errorf("%s writes, and role %q may", e.id, e.role)
		}
		if e.etag && reflect.TypeOf(e.answer) == nil {
			t.Errorf("%s has an ETag of nothing", e.id)
		}
	}
}

// TestDocument_AnswersConform asks a gateway for everything that can be read, and
// for most that can be written, and checks each answer against its schema.
func TestDocument_AnswersConform(t *testing.T) {
	_, s := startFake(t, nil)
	d := parseDocument(t)
	device := "devices/" + oddDevice.String()
	asked := map[string]bool{}
	for _, test := range []struct{ id, method, path, body string }{
		{"startCapture", "POST", device + "/captures", `{"duration":"1m"}`},
		{"getDevice", "GET", device, ""}, {"getTimeline", "GET", device + "/timeline", ""}, {"getAssignment", "GET", device + "/assignment", ""},
		{"assignDevice", "PUT", device + "/assignment", `{"acs":"south"}`}, {"unassignDevice", "DELETE", device + "/assignment", ""},
		{"wakeDevice", "POST", device + "/connection-request", ""}, {"wakeDevices", "POST", "connection-requests", `{"devices":["00D09E-1"]}`},
		{"createCampaign", "POST", "campaigns", `{"name":"a","to":"south","start":false,"waves":[{"percent":5,"criteria":{"within":"1h"}}]}`},
		{"previewCampaign", "POST", "campaigns/preview", `{"name":"a","to":"south"}`},
		{"getCampaign", "GET", "campaigns/move", ""}, {"listMembers", "GET", "campaigns/move/devices?state=arrived", ""},
		{"startCampaign", "POST", "campaigns/move/start", ""}, {"pauseCampaign", "POST", "campaigns/move/pause", ""},
		{"resumeCampaign", "POST", "campaigns/move/resume", ""}, {"cancelCampaign", "POST", "campaigns/move/cancel", ""},
		{"rollbackCampaign", "POST", "campaigns/move/rollback", ""}, {"removeCampaign", "POST", "campaigns/move/remove", ""},
		{"getACS", "GET", "acs/north", ""}, {"returnACS", "POST", "acs/north/return", ""}, {"reload", "POST", "reload", ""},
		{"getCapture", "GET", "captures/c0", ""}, {"downloadText", "GET", "captures/c0/text", ""}, {"downloadHAR", "GET", "captures/c0/har", ""},
		{"stopCapture", "DELETE", "captures/c0", ""},
		{"listDevices", "GET", "devices", ""}, {"listSessions", "GET", "sessions", ""}, {"listBindings", "GET", "bindings", ""},
		{"listACS", "GET", "acs", ""}, {"listCampaigns", "GET", "campaigns", ""}, {"listCaptures", "GET", "captures", ""},
		{"getOverview", "GET", "overview", ""}, {"getSeries", "GET", "series", ""}, {"listCertificates", "GET", "certificates", ""},
		{"getConfig", "GET", "config", ""}, {"listAudit", "GET", "audit", ""}, {"whoAmI", "GET", "whoami", ""}, {"getOpenAPI", "GET", "openapi.json", ""},
	} {
		asked[test.id] = true
		got := api(t, s, adminToken, test.method, test.path, test.body, "If-Match", "*")
		checkConforms(t, d, test.id, got)
	}
	for _, e := range (&API{}).endpoints() {
		if !asked[e.id] && e.id != "events" {
			t.Errorf("%s is not asked for", e.id)
		}
	}
}

// checkConforms checks an answer of an operation against the document.
func checkConforms(t *testing.T, d tree, id string, got reply) {
	t.Helper()
	for path, item := range d["paths"].(tree) {
		for method, op := range item.(tree) {
			op := op.(tree)
			if op["operationId"] != id {
				continue
			}
			if want := pathParameter.ReplaceAllString(path, "*"); !strings.EqualFold(method, got.Request.Method) || strings.Count(want, "/") != strings.Count(strings.TrimPrefix(got.Request.URL.EscapedPath(), PathAPI), "/")+1 {
				t.Errorf("%s is %s %s, asked for %s %s", id, method, path, got.Request.Method, got.Request.URL)
			}
			response, is := op["responses"].(tree)[fmt.Sprint(got.StatusCode)].(tree)
			if !is {
				t.Errorf("%s: status %d is not described: %s", id, got.StatusCode, got.body)
				return
			}
			headers, _ := response["headers"].(tree)
			if _, promised := headers["ETag"]; promised != (got.Header.Get("ETag") != "") {
				t.Errorf("%s: ETag %q, promised %v", id, got.Header.Get("ETag"), promised)
			}
			content, _ := response["content"].(tree)
			media, _, _ := strings.Cut(got.Header.Get("Content-Type"), ";")
			if len(content) == 0 {
				if got.body != "" {
					t.Errorf("%s: a body %q that is not described", id, got.body)
				}
				return
			}
			schema, is := content[media].(tree)
			if !is {
				t.Errorf("%s: %q is not described", id, media)
				return
			}
			if media == "text/plain" {
				return
			}
			for line := range strings.Lines(strings.TrimSpace(got.body)) {
				var v any
				if err := json.Unmarshal([]byte(line), &v); err != nil {
					if err := json.Unmarshal([]byte(got.body), &v); err != nil {
						t.Errorf("%s: %v", id, err)
					}
				}
				for _, wrong := range conform(d, schema["schema"], v, id) {
					t.Error(wrong)
				}
				if media != mediaLines {
					return
				}
			}
		}
	}
}

// conform checks a value against a schema as far as this document uses them.
// Properties that are not described are wrong too.
func conform(d tree, schema, v any, at string) (wrong []string) {
	s := schema.(tree)
	if ref, is := s["$ref"].(string); is {
		target, _ := resolve(d, ref)
		return conform(d, target, v, at)
	}
	kinds, _ := s["type"].([]any)
	if one, is := s["type"].(string); is {
		kinds = []any{one}
	}
	if kind := kindOf(v); len(kinds) > 0 && !slices.Contains(kinds, any(kind)) && (kind != "integer" || !slices.Contains(kinds, any("number"))) {
		return []string{fmt.Sprintf("%s: %s, want %v", at, kind, kinds)}
	}
	switch v := v.(type) {
	case tree:
		properties, _ := s["properties"].(tree)
		for _, name := range asList(s["required"]) {
			if _, is := v[name.(string)]; !is {
				wrong = append(wrong, fmt.Sprintf("%s: lacks %s", at, name))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner, described := properties[name]
			if !described {
				if inner, described = s["additionalProperties"]; !described && properties != nil {
					wrong = append(wrong, fmt.Sprintf("%s: %s is not described", at, name))
				}
			}
			if described {
				wrong = append(wrong, conform(d, inner, v[name], at+"."+name)...)
			}
		}
	case []any:
		for i := range v {
			wrong = append(wrong, conform(d, s["items"], v[i], fmt.Sprintf("%s[%d]", at, i))...)
		}
	}
	return wrong
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// TestConform_CanFail keeps the check above honest.
func TestConform_CanFail(t *testing.T) {
	d := parseDocument(t)
	for _, v := range []any{
		"x", tree{"devices": nil, "total": 1.0}, tree{"devices": []any{tree{"device": 1.0}}}, tree{"devices": []any{}, "more": 1.0}, tree{},
	} {
		if wrong := conform(d, tree{"$ref": "#/components/schemas/DevicePage"}, v, "page"); len(wrong) == 0 {
			t.Errorf("%v conforms", v)
		}
	}
}

// checkProblem checks that an answer is a problem document.
func checkProblem(t *testing.T, r reply) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil || r.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d as %q: %v", r.StatusCode, r.Header.Get("Content-Type"), err)
		return
	}
	for _, wrong := range conform(parseDocument(t), tree{"$ref": "#/components/schemas/Error"}, v, "problem") {
		t.Error(wrong)
	}
	p := v.(tree)
	if p["type"] != "about:blank" || p["title"] != http.StatusText(r.StatusCode) || p["status"] != float64(r.StatusCode) {
		t.Errorf("problem of %d: %v", r.StatusCode, p)
	}
}

// TestDocs_NameEveryEndpoint: docs/api.md lists all of them with their roles, and
// none that does not exist.
func TestDocs_NameEveryEndpoint(t *testing.T) {
	page := readFile(t, filepath.Join("..", "..", "docs", "api.md"))
	listed := 0
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "| `GET ") || strings.HasPrefix(line, "| `P") || strings.HasPrefix(line, "| `DELETE") {
			listed++
		}
	}
	all := (&API{}).endpoints()
	for i := range all {
		e := &all[i]
		role, scoped := e.role, " | own |"
		if role == "" {
			role, scoped = "none", " |"
		} else if e.whole {
			scoped = " | no |"
		} else if e.id == "assignDevice" || e.id == "unassignDevice" {
			scoped = " | "
		}
		if line := fmt.Sprintf("| `%s %s` | %s%s", e.method, e.path, role, scoped); !strings.Contains(page, line) {
			t.Errorf("docs/api.md lacks %q", line)
		}
	}
	if listed != len(all) {
		t.Errorf("docs/api.md lists %d endpoints, there are %d", listed, len(all))
	}
}
