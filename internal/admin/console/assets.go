package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static templates
var files embed.FS

// pathStatic is below which files are. The next part of a path is the hash of the
// file, so browsers may keep it for good.
const pathStatic = "/static/"

// assets serves the files of static.
type assets struct {
	byPath map[string]asset  // by the path of the request
	urls   map[string]string // by name
}

type asset struct {
	kind         string
	plain, small []byte // small is plain by gzip
}

// loadAssets reads all files. It panics where one cannot be read: they are part of
// the binary.
func loadAssets() *assets {
	a := &assets{byPath: map[string]asset{}, urls: map[string]string{}}
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		a.add(strings.TrimPrefix(name, "static/"), data)
		return nil
	})
	if err != nil {
		panic(err)
	}
	return a
}

func (a *assets) add(name string, data []byte) {
	sum := sha256.Sum256(data)
	url := pathStatic + hex.EncodeToString(sum[:6]) + "/" + name
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // whatever the machine's own table says
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	case ".LICENSE":
		kind = "text/plain; charset=utf-8"
	}
	var small bytes.Buffer
	z, _ := gzip.NewWriterLevel(&small, gzip.BestCompression) // the level is a valid one
	_, _ = z.Write(data)
	_ = z.Close()
	a.urls[name], a.byPath[url] = url, asset{kind: kind, plain: data, small: small.Bytes()}
}

// url returns where a file is. It panics for one that is not there, which a test of
// the template finds.
func (a *assets) url(name string) string {
	url, ok := a.urls[name]
	if !ok {
		panic("console: there is no static file " + name)
	}
	return url
}

// ServeHTTP serves a file. Everybody may have it: the page for signing in does.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a.byPath[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := file.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = file.small
	}
	_, _ = w.Write(body)
}
