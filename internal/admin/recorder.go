package admin

import "net/http"

// recorder notes what is answered, and keeps a copy of it where that is asked for.
type recorder struct {
	http.ResponseWriter
	status int // 0 until it is written
	keep   bool
	kept   []byte
	cut    bool // there was more than is kept
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(data []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.keep && len(r.kept)+len(data) <= maxKeptAnswer {
		r.kept = append(r.kept, data...)
	} else if r.keep {
		r.cut = true
	}
	return r.ResponseWriter.Write(data)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
