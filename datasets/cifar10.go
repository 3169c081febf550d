package datasets

var cifar10Info = Info{
	Name:       "cifar10",
	Title:      "CIFAR-10",
	Licence:    "none stated by the publisher, who asks to cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
	Source:     "https://www.cs.toronto.edu/~kriz/cifar.html",
	Task:       ImageClassification,
	DType:      Uint8,
	Shape:      []int{32, 32, 3},
	ClassNames: []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
	Train:      50000,
	Test:       10000,
	Validation: 5000,
	Mean:       []float32{125.3 / 255, 123.0 / 255, 113.9 / 255},
	Std:        []float32{63.0 / 255, 62.1 / 255, 66.7 / 255},
	Augment:    Augment{Flip: true, Crop: 4},
	Download:   170052171,
	Size:       6 * 10000 * 3073,
}

// cifar10 is the official binary archive. The MD5 sums of its members are used
// for a note only; what is downloaded is held against the SHA-256 of the whole.
var cifar10 = batches{
	info:   cifar10Info,
	folder: "cifar-10-batches-bin",
	labels: 1,
	other:  nasBench201CIFAR10,
	files: []batch{
		{"data_batch_1.bin", 10000, "5dd7e06a14cb22eb9f671a540d1b7c25"},
		{"data_batch_2.bin", 10000, "5ea93a67294ea407fff1d09f752e9692"},
		{"data_batch_3.bin", 10000, "942cd6a4bcdd0dd3c604fbe906cb4421"},
		{"data_batch_4.bin", 10000, "ae636b3ba5c66a11e91e8cb52e771fcb"},
		{"data_batch_5.bin", 10000, "53f37980c15c3d472c316c40844f3f0d"},
		{"test_batch.bin", 10000, "803d5f7f4d78ea53de84dbe85f74fb6d"},
	},
	archive: archive{
		url:    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
		size:   cifar10Info.Download,
	},
}
