package admin

import (
	"encoding/json"
	"net/http"
)

// problem is an error as RFC 9457 has it.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// fail answers with a problem document.
func fail(w http.ResponseWriter, status int, detail string) {
	setHeaders(w, "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{Title: http.StatusText(status), Status: status, Detail: detail})
}

// answer answers with a JSON document.
func answer(w http.ResponseWriter, status int, document any) {
	setHeaders(w, "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}
