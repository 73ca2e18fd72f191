// Package admin serves the operator's listener: metrics and health, which need no
// token, the JSON API, which does, and the console, if there is one. It knows who may
// do what, and keeps the books of who has done it. What is healthy, what is known of
// devices and how they are woken is decided by the functions that the composition
// root passes in. It is no part of the path of a CPE.
//
// The API is a table of endpoints. The paths that are served, docs/openapi.json and
// what each needs of its sender are all made of it.
package admin
