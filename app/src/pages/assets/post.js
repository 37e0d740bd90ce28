// Submits the authorization response. Without script, the user presses the button.
document.getElementById("response").submit();
