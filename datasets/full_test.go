package datasets

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFull measures how long every set of full count takes, and how much memory: each
// step in a process of its own. It writes 2 GB where LEMONADE_TEST_FULL says, and keeps
// them for the next time.
//
//	LEMONADE_TEST_FULL=/var/tmp/full go test -run TestFull -timeout 1h -v ./datasets
//
// CIFAR, Fashion-MNIST and so on are the copies that are at hand; EuroSAT, Malaria and
// ImageNet16 are made up, in the published layout.
func TestFull(t *testing.T) {
	where := os.Getenv("LEMONADE_TEST_FULL")
	if where == "" {
		t.Skip("LEMONADE_TEST_FULL names no folder for sets of full count")
	}
	cache := filepath.Join(where, "cache")
	if step := os.Getenv("LEMONADE_TEST_STEP"); step != "" {
		fullStep(t, step, os.Getenv("LEMONADE_TEST_SET"), cache)
		return
	}
	for _, c := range []struct {
		name   string
		folder string // under LEMONADE_DATA
		make   func(t *testing.T, data string)
	}{
		{"digits", "", nil},
		{"cifar10", cifar10.folder, nil},
		{"cifar100", cifar100.folder, nil},
		{"cifar100?split=nasbench201", cifar100.folder, nil},
		{"fashion-mnist", "", nil},
		{"imagenet16-120", imageNet16.folder, fullImageNet},
		{"eurosat", euroSAT.zip(), fullEuroSAT},
		{"malaria", malaria.zip(), fullMalaria},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := os.Getenv(Env)
			if c.make != nil {
				data = filepath.Join(where, "data")
				if _, err := os.Stat(filepath.Join(data, c.folder)); err != nil {
					c.make(t, data)
				}
			} else if c.folder != "" {
				needs(t, c.folder)
			}
			for _, step := range []string{"prepare", "prepare again", "load"} {
				child := exec.Command(os.Args[0], "-test.run=^TestFull$", "-test.v")
				child.Env = append(os.Environ(), Env+"="+data, "LEMONADE_TEST_STEP="+step, "LEMONADE_TEST_SET="+c.name)
				out, err := child.CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v\n%s", step, err, out)
				}
				_, line, _ := strings.Cut(string(out), "RESULT ")
				line, _, _ = strings.Cut(line, "\n")
				t.Logf("%-28s %-14s %s", c.name, step, line)
			}
		})
	}
}

// fullStep is one step, in a process of its own.
func fullStep(t *testing.T, step, name, cache string) {
	began := time.Now()
	var text string
	if step == "load" {
		dir, _ := Find(name, cache)
		set, err := Load(Ref{Name: name, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		text = fmt.Sprintf("%d train (%d of them validate), %d test", set.Train.Len(), set.Validation, set.Test.Len())
	} else {
		ref, err := Prepare(context.Background(), name, Options{Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		text = fmt.Sprint(ref.Info.Train+ref.Info.Test, " samples")
	}
	took := time.Since(began)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	peak, _, _ = strings.Cut(peak, "\n")
	fmt.Printf("RESULT %6.2f s, peak %s: %s\n", took.Seconds(), strings.TrimSpace(peak), text)
}

func fullImageNet(t *testing.T, data string) {
	python(t, "imagenet16.py", filepath.Join(data, imageNet16.folder), "4", "10", "15170", "6000", "112946")
}

func fullEuroSAT(t *testing.T, data string) {
	full(t, euroSAT, data, func(w io.Writer, class, i int) error {
		return jpeg.Encode(w, tinted(64, 64, class*10000+i), nil)
	}, func(folder string, i int) string { return fmt.Sprintf("%s_%d", folder, i+1) })
}

func fullMalaria(t *testing.T, data string) {
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	full(t, malaria, data, func(w io.Writer, class, i int) error {
		v := mix(uint64(class*20000+i), 4)
		return encoder.Encode(w, tinted(60+int(v%160), 60+int(v>>8%160), class*20000+i))
	}, func(_ string, i int) string { return fmt.Sprintf("C%dP1ThinF_IMG_20150918_144104_cell_%d", i*i%211, i) })
}

// full writes the zip of a set, with as many pictures as were published.
func full(t *testing.T, s published, data string, encode func(w io.Writer, class, i int) error, name func(folder string, i int) string) {
	t.Helper()
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(data, s.zip())
	file, err := os.Create(path + ".part")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := zip.NewWriter(file)
	for class, folder := range s.folders {
		for i := range s.counts[class] {
			var b bytes.Buffer
			if err := encode(&b, class, i); err != nil {
				t.Fatal(err)
			}
			f, err := w.CreateHeader(&zip.FileHeader{Name: s.folder + "/" + folder + "/" + name(folder, i) + s.ending, Method: zip.Store})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(b.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		t.Fatal(err)
	}
}
