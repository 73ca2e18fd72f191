//go:build !unix

package commandline

import "os"

// widthOf takes nothing for a terminal where it cannot be found out.
func widthOf(*os.File) int { return 0 }
