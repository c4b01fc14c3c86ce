// Light or dark as the system says, until the button says otherwise.

const themeButton = document.getElementById("theme");
const systemDark = window.matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const asked = document.documentElement.dataset.theme;
  return asked ? asked === "dark" : systemDark.matches;
}

function showTheme() {
  themeButton.textContent = `${isDark() ? "Light" : "Dark"} colours`;
}

themeButton.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
systemDark.addEventListener("change", showTheme);
showTheme();
