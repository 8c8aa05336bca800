# Until when a provider supports a version. Dates are the first day without support, as published; a date in the future
# is the provider's projection.
package lib.support

import rego.v1

# Source: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html (standard, extended). 1.20 and older
# had no extended support.
eks := {
	"1.18": ["2022-08-15", "2022-08-15"],
	"1.19": ["2022-08-01", "2022-08-01"],
	"1.20": ["2022-11-01", "2022-11-01"],
	"1.21": ["2023-02-16", "2024-07-15"],
	"1.22": ["2023-06-04", "2024-09-01"],
	"1.23": ["2023-10-11", "2024-10-11"],
	"1.24": ["2024-01-31", "2025-01-31"],
	"1.25": ["2024-05-01", "2025-05-01"],
	"1.26": ["2024-06-11", "2025-06-11"],
	"1.27": ["2024-07-24", "2025-07-24"],
	"1.28": ["2024-11-26", "2025-11-26"],
	"1.29": ["2025-03-23", "2026-03-23"],
	"1.30": ["2025-07-23", "2026-07-23"],
	"1.31": ["2025-11-26", "2026-11-26"],
	"1.32": ["2026-03-23", "2027-03-23"],
	"1.33": ["2026-07-29", "2027-07-29"],
	"1.34": ["2026-12-02", "2027-12-02"],
	"1.35": ["2027-03-27", "2028-03-27"],
}

# The minor number of a Kubernetes version: 31 of "1.31".
minor(version) := to_number(split(version, ".")[1]) if regex.match(`^1\.[0-9]+`, version)

# What stands in the table for a version: nothing is known yet of one that is newer, and an older one is long over.
eks_until(version, which) := eks[version][which]

eks_until(version, _) := "2022-01-01" if minor(version) < 18

eks_until(version, _) := "newer than this table" if minor(version) > 35

# Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html (deprecation date). Newer runtimes than these
# have no date yet.
lambda := {
	"nodejs": "2016-10-31",
	"nodejs4.3": "2020-03-05",
	"nodejs4.3-edge": "2020-03-05",
	"nodejs6.10": "2019-08-12",
	"nodejs8.10": "2020-03-06",
	"nodejs10.x": "2021-07-30",
	"nodejs12.x": "2023-03-31",
	"nodejs14.x": "2023-12-04",
	"nodejs16.x": "2024-06-12",
	"nodejs18.x": "2025-09-01",
	"nodejs20.x": "2026-04-30",
	"nodejs22.x": "2027-04-30",
	"nodejs24.x": "2028-04-30",
	"python2.7": "2021-07-15",
	"python3.6": "2022-07-18",
	"python3.7": "2023-12-04",
	"python3.8": "2024-10-14",
	"python3.9": "2025-12-15",
	"python3.10": "2026-10-31",
	"python3.11": "2027-06-30",
	"python3.12": "2028-10-31",
	"python3.13": "2029-06-30",
	"python3.14": "2029-06-30",
	"java8": "2024-01-08",
	"java8.al2": "2027-06-30",
	"java11": "2027-06-30",
	"java17": "2027-06-30",
	"java21": "2029-06-30",
	"java25": "2029-06-30",
	"dotnetcore1.0": "2019-07-27",
	"dotnetcore2.0": "2019-05-30",
	"dotnetcore2.1": "2022-01-05",
	"dotnetcore3.1": "2023-04-03",
	"dotnet5.0": "2022-05-10",
	"dotnet6": "2024-12-20",
	"dotnet7": "2024-05-14",
	"dotnet8": "2026-11-10",
	"dotnet10": "2028-11-14",
	"ruby2.5": "2021-07-30",
	"ruby2.7": "2023-12-07",
	"ruby3.2": "2026-03-31",
	"ruby3.3": "2027-03-31",
	"ruby3.4": "2028-03-31",
	"go1.x": "2024-01-08",
	"provided": "2024-01-08",
	"provided.al2": "2026-07-31",
	"provided.al2023": "2029-06-30",
}

# Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-versions-retired.html
fargate := {
	"1.0.0": "2020-12-14",
	"1.1.0": "2020-12-14",
	"1.2.0": "2020-12-14",
	"1.3.0": "2026-03-16",
}

# Source: https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-deprecation-faqs.html: no images of Amazon Linux 2 are
# published for EKS from this day on.
eks_ami := {
	"AL2_x86_64": "2025-11-26",
	"AL2_x86_64_GPU": "2025-11-26",
	"AL2_ARM_64": "2025-11-26",
}

# Last day of fixes by the project. Source: https://kubernetes.io/releases/patch-releases/. Nothing is known yet of those
# that are newer.
kubernetes := {
	"1.19": "2021-10-28",
	"1.20": "2022-02-28",
	"1.21": "2022-06-28",
	"1.22": "2022-10-28",
	"1.23": "2023-02-28",
	"1.24": "2023-07-28",
	"1.25": "2023-10-27",
	"1.26": "2024-02-28",
	"1.27": "2024-06-28",
	"1.28": "2024-10-28",
	"1.29": "2025-02-28",
	"1.30": "2025-06-28",
	"1.31": "2025-10-28",
	"1.32": "2026-02-28",
	"1.33": "2026-06-28",
	"1.34": "2026-10-27",
}

# "1.31" of "v1.31.4-eks-aa".
kubernetes_minor(version) := regex.find_n(`1\.[0-9]+`, version, 1)[0] if regex.match(`^v?1\.[0-9]+(\.|$|\+|-)`, version)

kubernetes_until(version) := kubernetes[version]

kubernetes_until(version) := "2021-01-01" if minor(version) < 19

# Last day of fixes that everybody gets, by the beginning of what a node calls its operating system; a name that stands in
# another is told by what follows. Sources: the vendors' own tables, most of them by way of https://endoflife.date/.
node_os := {
	"Ubuntu 16.04": "2021-04-30",
	"Ubuntu 18.04": "2023-05-31",
	"Ubuntu 20.04": "2025-05-29",
	"Ubuntu 22.04": "2027-06-01",
	"Ubuntu 24.04": "2029-05-31",
	"Debian GNU/Linux 9 ": "2020-07-18",
	"Debian GNU/Linux 10 ": "2022-09-10",
	"Debian GNU/Linux 11 ": "2024-08-14",
	"Debian GNU/Linux 12 ": "2026-07-11",
	"Debian GNU/Linux 13 ": "2028-08-09",
	"Amazon Linux 2 ": "2026-06-30",
	"Amazon Linux 2023": "2029-06-30",
	"CentOS Linux 7 ": "2024-06-30",
	"CentOS Linux 8": "2021-12-31",
	"Red Hat Enterprise Linux Server 7": "2024-06-30",
	"Red Hat Enterprise Linux 8": "2029-05-31",
	"Red Hat Enterprise Linux 9": "2032-05-31",
	"Rocky Linux 8": "2029-05-31",
	"Rocky Linux 9": "2032-05-31",
}

node_os_until(image) := node_os[[name | some name, _ in node_os; startswith(concat("", [image, " "]), name)][0]]
