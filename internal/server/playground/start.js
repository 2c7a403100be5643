// Starts GraphQL Playground with two tabs: how to sign in, and a nested query.

// Playground keeps its tabs in the browser for good, with passwords, tokens and
// answers. Here they go when the page is left: the next person at this computer must
// not find them.
const forget = () => localStorage.removeItem("graphql-playground");
forget();
addEventListener("pagehide", forget);

const root = document.getElementById("root");
const endpoint = new URL("/graphql", location.href).href;
const { email, password } = root.dataset;

const signIn = `# 1. Press play: the answer has an access token.
# 2. Go to the tab "Patients and their doctors",
#    and open HTTP HEADERS at its bottom.
# 3. Write the access token in place of
#    ACCESS-TOKEN, and press play there.
mutation SignIn {
  login(input: {
    email: ${JSON.stringify(email)}
    password: ${JSON.stringify(password)}
  }) {
    access
    user {
      username
    }
  }
}
`;

const patients = `# Your patients, by name, and who treats them now.
# DOCS, at the right, describes every field.
query PatientsAndTheirDoctors {
  patients(first: 10, orderBy: {field: NAME, direction: ASC}) {
    totalCount
    nodes {
      name
      age
      bloodGroup
      doctors {
        name
        specialization
        consultationFee
      }
    }
  }
}
`;

window.GraphQLPlayground.init(root, {
	endpoint,
	settings: {
		"schema.polling.enable": false,
		"request.credentials": "same-origin",
		"editor.reuseHeaders": true,
		"tracing.hideTracingResponse": true,
	},
	tabs: [
		{ endpoint, name: "Sign in", query: signIn },
		{ endpoint, name: "Patients and their doctors", query: patients, headers: { Authorization: "Bearer ACCESS-TOKEN" } },
	],
});
