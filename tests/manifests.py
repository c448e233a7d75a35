"""What the manifests of the tests have in common."""

#: The facts that every manifest needs and no test looks at.
ABOUT = """
description: For tests.
licence: CC BY 4.0
citation: none
homepage: https://example.org/
"""
#: A dataset of the form of Kinetics with one labels file, of its train split.
KINETICS = f"""{ABOUT}
files:
  - {{name: train.csv, role: labels, form: kinetics, splits: [train], urls: ["URL/annotations/train.csv"]}}
span: rows
frames: {{rate: 30}}
clips: {{rate: 0, crf: 23, preset: ultrafast}}
"""
