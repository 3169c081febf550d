package datasets

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// drawing is a picture that is like no other: its pixels follow from its number.
func drawing(width, height, number int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			v := mix(uint64(number*1000003+y*width+x), 7)
			m.SetNRGBA(x, y, color.NRGBA{byte(v), byte(v >> 8), byte(v >> 16), 255})
		}
	}
	return m
}

func savePNG(t testing.TB, path string, m image.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := png.Encode(file, m); err != nil {
		t.Fatal(err)
	}
}

// drawings makes a folder of as many pictures of each class as are asked for.
func drawings(t testing.TB, width, height int, classes map[string]int) string {
	t.Helper()
	root, number := t.TempDir(), 0
	for class, n := range classes {
		for i := range n {
			savePNG(t, filepath.Join(root, class, fmt.Sprintf("%03d.png", i)), drawing(width, height, number+int(mix(uint64(len(class)), uint64(class[0])))))
			number++
		}
	}
	return root
}

func folderOf(t testing.TB, path string, o FolderOptions) string {
	t.Helper()
	name, err := FromFolder(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return name
}
func TestFolder(t *testing.T) {
	root := drawings(t, 20, 20, map[string]int{"cat": 30, "dog": 21, "emu": 10})
	ref, s := open(t, folderOf(t, root, FolderOptions{}))
	t.Logf("%+v", ref)
	checkSet(t, s)
}
