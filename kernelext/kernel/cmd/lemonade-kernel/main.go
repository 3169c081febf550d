// Command lemonade-kernel is the Jupyter kernel "Go (Lemonade)". Jupyter starts it,
// by the kernelspec that lemonade setup writes.
package main

import (
	"fmt"
	"os"

	"github.com/lemo-nade/lemonade/kernelext/kernel"
)

func main() {
	if err := kernel.Main(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lemonade-kernel:", err)
		os.Exit(1)
	}
}
