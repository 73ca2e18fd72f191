package console

import "net/http"

// notFound answers for every address that is none of the console's.
func (c *Console) notFound(v *visit) error {
	return fail(http.StatusNotFound, "There is no page %q.", v.r.URL.Path)
}
