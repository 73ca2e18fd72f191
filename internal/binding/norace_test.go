//go:build !race

package binding

const raceDetector = false
